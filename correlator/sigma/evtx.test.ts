import { expect, test } from 'vitest'
import { evtxToEvent } from './evtx.ts'

const system = {
  Provider: { '#attributes': { Name: 'Example-Provider', Guid: 'G' } },
  EventID: 7,
  Channel: 'Example/Operational',
  Computer: 'host-1',
  Execution: { '#attributes': { ProcessID: 4, ThreadID: 8 } },
  TimeCreated: { '#attributes': { SystemTime: '2026-01-02T03:04:05Z' } },
}

test('System and EventData become one flat event', () => {
  expect(evtxToEvent({ Event: { System: system, EventData: { 'Threat Name': 'x', Level: 'own' } } })).toEqual({
    ThreatName: 'x',
    Level: 'own',
    Provider_Name: 'Example-Provider',
    Provider_Guid: 'G',
    EventID: 7,
    Channel: 'Example/Operational',
    Computer: 'host-1',
    Execution_ProcessID: 4,
    Execution_ThreadID: 8,
    TimeCreated_SystemTime: '2026-01-02T03:04:05Z',
    '@timestamp': '2026-01-02T03:04:05Z',
  })
})

test.each([
  ['data without names', { Data: ['a', 'b'] }, { Data: ['a', 'b'] }],
  ['data in one text list', { Data: { '#text': ['a', 'b'] } }, { Data: ['a', 'b'] }],
  ['data with names', { Data: [{ '#attributes': { Name: 'One' }, '#text': 'x' }] }, { One: 'x' }],
  ['a nested user event', { Inner: { '#attributes': { xmlns: 'y' }, Deep: 1 } }, { Deep: 1 }],
])('EventData: %s', (_why, data, expected) => {
  expect(evtxToEvent({ Event: { System: { EventID: 1 }, EventData: data } })).toEqual({ EventID: 1, ...expected })
})

test('an event number with qualifiers is the number', () => {
  const record = { Event: { System: { EventID: { '#attributes': { Qualifiers: 16384 }, '#text': 7045 } } } }
  expect(evtxToEvent(record)).toEqual({ EventID_Qualifiers: 16384, EventID: 7045 })
})

test('attributes as @Name, as XML turned to JSON has them', () => {
  const record = {
    Event: {
      System: { Provider: { '@Name': 'P' }, EventID: { '@Qualifiers': '0', '#text': '1' }, Channel: 'C' },
      EventData: { Data: [{ '@Name': 'Image', '#text': 'x.exe' }] },
    },
  }
  expect(evtxToEvent(record)).toEqual({
    Image: 'x.exe',
    Provider_Name: 'P',
    EventID_Qualifiers: '0',
    EventID: '1',
    Channel: 'C',
  })
})

test('a flat record is taken as it is, under the names rules use', () => {
  const record = { Channel: 'Security', EventID: 4624, SourceName: 'P', Hostname: 'h', Computer: 'own', LogonType: '3' }
  expect(evtxToEvent(record)).toEqual({ ...record, Provider_Name: 'P' })
  expect(evtxToEvent({ EventID: 4624 })).toBeUndefined()
})

test.each([[null], ['x'], [[]], [{}], [{ Event: {} }], [{ Event: { System: 'x' } }]])('%j is no record', (record) => {
  expect(evtxToEvent(record)).toBeUndefined()
})

test('a name of the prototype does no harm', () => {
  const record = JSON.parse('{"Event":{"System":{"EventID":1},"EventData":{"__proto__":{"x":1},"constructor":"y"}}}')
  const event = evtxToEvent(record)
  expect(Object.hasOwn(event ?? {}, 'constructor')).toBe(true)
  expect(({} as Record<string, unknown>)['x']).toBeUndefined()
  expect(Object.getPrototypeOf(event)).toBe(Object.prototype)
})
