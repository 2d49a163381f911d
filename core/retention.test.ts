import { expect, test } from 'vitest'
import { Counters } from './counters.ts'
import type { Filter } from './query.ts'
import { type LegalHold, openRetention } from './retention.ts'
import type { RetireOptions } from './store.ts'

const eve: Filter = { kind: 'equals', field: 'user.name', value: 'eve' }
const DAY = 86_400_000

function retentionWith(holds: LegalHold[], keepBytes?: number) {
  const state = {
    now: 100 * DAY,
    bytes: 0,
    freed: 0,
    events: 0,
    held: 0,
    asked: [] as [number, RetireOptions][],
    failure: undefined as Error | undefined,
  }
  const said: string[] = []
  const counters = new Counters()
  const store = {
    stats: async () => ({ events: 0, bytes: state.bytes, segments: 0, headEvents: 0 }),
    retire: async (beforeMs: number, options: RetireOptions = {}) => {
      state.asked.push([beforeMs, options])
      if (state.failure) throw state.failure
      state.bytes -= state.freed
      return { segments: state.events > 0 ? 1 : 0, events: state.events, held: state.held }
    },
  }
  const now = () => state.now
  const say = (line: string) => void said.push(line)
  const { check } = openRetention({ store, keepForMs: 10 * DAY, keepBytes, holds, counters, now, say })
  return { state, said, counters, check }
}

test('age, size and holds go to the store; what is deleted is said', async () => {
  const { state, said, check } = retentionWith([{ reason: 'case 7', filter: eve, untilMs: 200 * DAY }], 1000)
  Object.assign(state, { bytes: 1500, freed: 600, events: 12, held: 3 })
  await check()
  expect(state.asked).toEqual([[90 * DAY, { maxBytes: 1000, hold: [eve] }]])
  expect(said).toEqual([
    'legal hold until 1970-07-20T00:00: case 7',
    '12 events deleted, too old, or beyond store.keepBytes; 3 stay under legal hold',
  ])
})

test('age is looked at every twelfth time, size each time', async () => {
  const { state, check } = retentionWith([], 1000)
  for (let i = 0; i < 13; i++) await check()
  expect(state.asked).toHaveLength(2)
  Object.assign(state, { bytes: 1500, freed: 600 })
  await check()
  expect(state.asked).toHaveLength(3)
  expect(state.asked[2]?.[1]).toMatchObject({ maxBytes: 1000 })
})

test('what may not be deleted is said once, counted, and not tried again every time', async () => {
  const { state, said, counters, check } = retentionWith([{ reason: 'all', filter: { kind: 'all' } }], 1000)
  Object.assign(state, { bytes: 1500, held: 70 })
  for (let i = 0; i < 12; i++) await check()
  expect(state.asked).toHaveLength(1)
  expect(said.filter((line) => line.includes('500 bytes over'))).toHaveLength(1)
  expect(counters.expose()).toContain('haetae_store_over_limit_bytes 500\n')
  expect(counters.expose()).toContain('haetae_store_held_events 70\n')
  expect(counters.expose()).toContain('haetae_store_legal_holds 1\n')
})

test('a hold that ended holds nothing, and that is said once', async () => {
  const { state, said, counters, check } = retentionWith([{ reason: 'case 7', filter: eve, untilMs: 101 * DAY }])
  await check()
  state.now = 101 * DAY
  for (let i = 0; i < 24; i++) await check()
  expect(state.asked.map(([, { hold }]) => hold?.length)).toEqual([1, 0, 0])
  expect(said.filter((line) => line.startsWith('legal hold ended'))).toHaveLength(1)
  expect(counters.expose()).toContain('haetae_store_legal_holds 0\n')
})

test('checks at one time are one; after a failure the next tries again', async () => {
  const { state, check } = retentionWith([])
  await Promise.all([check(), check()])
  expect(state.asked).toHaveLength(1)
  for (let i = 0; i < 11; i++) await check()
  state.failure = new Error('disk')
  for (let i = 0; i < 2; i++) await expect(check()).rejects.toThrow('disk')
  state.failure = undefined
  await check()
  expect(state.asked).toHaveLength(4)
})
