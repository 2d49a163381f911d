import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readWindowsEvent } from './windows-event.ts'
import { readRenderedMessage } from './windows-message.ts'
import { readXml } from './xml.ts'

const system = (more = '') =>
  `<System><Provider Name='Microsoft-Windows-Security-Auditing' Guid='{54849625-5478-4994-a5ba-3e3b0328c30d}'/><EventID>4625</EventID><Level>0</Level><Keywords>0x8010000000000000</Keywords><TimeCreated SystemTime='2026-01-14T01:02:03.1234567Z'/><EventRecordID>9</EventRecordID><Execution ProcessID='700' ThreadID='804'/><Channel>Security</Channel><Computer>dc1.example.org</Computer>${more}</System>`
const expected = {
  provider: 'Microsoft-Windows-Security-Auditing',
  code: '4625',
  level: 'information',
  outcome: 'failure',
  channel: 'Security',
  computer: 'dc1.example.org',
  data: { TargetUserName: 'kim & co', LogonType: '3' },
}

test.each([
  [
    'XML',
    `<Event xmlns='x'>${system()}<EventData><Data Name='TargetUserName'>kim &amp; co</Data><Data Name='LogonType'>3</Data><Data Name='Empty'></Data></EventData></Event>`,
  ],
  [
    'EVTX as JSON',
    {
      Event: {
        System: {
          Provider: { '#attributes': { Name: 'Microsoft-Windows-Security-Auditing' } },
          EventID: { '#text': 4625 },
          Level: 0,
          Keywords: '0x8010000000000000',
          Channel: 'Security',
          Computer: 'dc1.example.org',
        },
        EventData: { TargetUserName: 'kim & co', LogonType: '3', '#attributes': { Name: 'x' } },
      },
    },
  ],
  [
    'winlogbeat',
    {
      '@timestamp': '2026-01-14T01:02:03Z',
      log: { level: 'information' },
      winlog: {
        provider_name: 'Microsoft-Windows-Security-Auditing',
        event_id: 4625,
        channel: 'Security',
        computer_name: 'dc1.example.org',
        keywords: ['Audit Failure'],
        event_data: { TargetUserName: 'kim & co', LogonType: '3' },
      },
    },
  ],
  [
    'NXLog',
    {
      EventTime: '2026-01-14 01:02:03',
      Hostname: 'dc1.example.org',
      EventType: 'AUDIT_FAILURE',
      Severity: 'INFO',
      EventID: 4625,
      SourceName: 'Microsoft-Windows-Security-Auditing',
      Channel: 'Security',
      TargetUserName: 'kim & co',
      LogonType: '3',
      SourceModuleName: 'in',
    },
  ],
])('one shape of %s', (_why, input) => {
  const found = typeof input === 'string' ? readWindowsEvent(input, undefined) : readWindowsEvent('', input)
  expect(found).toMatchObject(expected)
})

test('a Snare line gives the fields that its text holds', () => {
  const line = [
    'MSWinEventLog',
    '1',
    'Security',
    '77',
    'Wed Jan 14 01:02:03 2026',
    '4624',
    'Microsoft-Windows-Security-Auditing',
    'ACME\\kim',
    'N/A',
    'Success Audit',
    'pc7.example.org',
    'Logon',
    '',
    'An account was successfully logged on.    Subject:   Security ID:  S-1-5-18   Account Name:  PC7$   Account Domain:  ACME   Logon ID:  0x3E7    Logon Type:   10    New Logon:   Security ID:  S-1-5-21-1-2-3-1001   Account Name:  kim   Account Domain:  ACME    Network Information:   Workstation Name: PC9   Source Network Address: 192.0.2.7   Source Port:  50123',
    '4242',
  ].join('\t')
  expect(readWindowsEvent(line, undefined)).toMatchObject({
    code: '4624',
    outcome: 'success',
    computer: 'pc7.example.org',
    data: {
      SubjectUserName: 'PC7$',
      TargetUserName: 'kim',
      TargetUserSid: 'S-1-5-21-1-2-3-1001',
      LogonType: '10',
      WorkstationName: 'PC9',
      IpAddress: '192.0.2.7',
    },
  })
})

test.each([
  ['an XML document that is none', '<Event><System></Event>'],
  ['a DTD', '<!DOCTYPE Event [<!ENTITY x "y">]><Event><System><EventID>1</EventID></System></Event>'],
  ['an event without a number', `<Event><System><Provider Name='p'/></System></Event>`],
  ['a number that is none', `<Event><System><EventID>one</EventID></System></Event>`],
  ['a Snare line cut short', 'MSWinEventLog\t1\tSecurity\t77'],
  ['a Snare line without a number', `MSWinEventLog\t1\t${'x\t'.repeat(14)}`],
  ['text', 'An account was successfully logged on.'],
])('%s is no Windows event', (_why, text) => expect(readWindowsEvent(text, undefined)).toBeUndefined())

test.each([
  ['only a number', { EventID: 7 }],
  ['a number that is none', { EventID: 'x', SourceName: 'y' }],
  ['a System that is a text', { Event: { System: 'x' } }],
  ['an empty winlog', { winlog: {} }],
  ['a RawXml that is none', { properties: { RawXml: 'x' } }],
])('JSON with %s is no Windows event', (_why, json) => expect(readWindowsEvent('', json)).toBeUndefined())

test.each([
  ['unknown entities stay', '<a>&x; &#0; &#xD800; &lt;</a>', { a: '&x; &#0; &#xD800; <' }],
  ['CDATA is text', '<a><![CDATA[<b>]]></a>', { a: '<b>' }],
  ['repeated names are a list', '<a><b>1</b><b>2</b></a>', { a: { b: ['1', '2'] } }],
  ['attributes of either quote', `<a x="1" y='2'/>`, { a: { '#attributes': { x: '1', y: '2' } } }],
  ['a prototype is no name', '<a><__proto__>1</__proto__><b>2</b></a>', { a: { b: '2' } }],
])('XML: %s', (_why, text, found) => expect(readXml(text)).toEqual(found))

test.each([
  ['two roots', '<a/><b/>'],
  ['text beside the root', 'x<a/>'],
  ['an element never closed', '<a><b></b>'],
  ['closed in the wrong order', '<a><b></a></b>'],
  ['too deep', '<a>'.repeat(100) + '</a>'.repeat(100)],
  ['too many elements', `<a>${'<b/>'.repeat(10_000)}</a>`],
  ['a comment never closed', '<a><!-- x</a>'],
  ['an attribute without quotes', '<a x=1/>'],
  ['entities of its own', '<!DOCTYPE a [<!ENTITY b "bbbb">]><a>&b;</a>'],
  ['nothing', ''],
])('XML: %s is not read', (_why, text) => expect(readXml(text)).toBeUndefined())

test('nothing throws and nothing takes long, whatever the bytes', () => {
  const bits = fc.constantFrom(
    '<',
    '>',
    '/',
    '&',
    ';',
    '=',
    '"',
    "'",
    'a',
    ' ',
    '<!--',
    '<![CDATA[',
    ']]>',
    'Subject:',
    '\t',
    'Event',
  )
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ maxLength: 300 }),
        fc.array(bits, { maxLength: 200 }).map((all) => all.join('')),
      ),
      (text) => {
        readXml(text)
        readRenderedMessage(text)
        readWindowsEvent(text, undefined)
      },
    ),
    { numRuns: 2000, interruptAfterTimeLimit: 2000 },
  )
  fc.assert(
    fc.property(
      fc.object({
        key: fc.constantFrom('Event', 'System', 'EventData', 'EventID', 'winlog', 'Data', '#attributes', 'x'),
        maxDepth: 4,
      }),
      (json) => {
        readWindowsEvent('', JSON.parse(JSON.stringify(json)))
      },
    ),
    { numRuns: 1000, interruptAfterTimeLimit: 2000 },
  )
})
