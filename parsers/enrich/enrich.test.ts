import { mkdtempSync, renameSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type EcsEvent, setPath } from '../../core/event.ts'
import { type EnrichConfig, openEnrichment } from './enrich.ts'
import { parseTable } from './table.ts'
import { writeMmdb } from './testing-mmdb.ts'
import { addUserAgent, readUserAgent } from './user-agent.ts'

const dir = mkdtempSync(join(tmpdir(), 'enrich-'))
let files = 0
/** As an editor does: a new file in the place of the old. */
const put = (name: string, content: string | Buffer) => {
  const next = join(dir, `next-${files++}`)
  writeFileSync(next, content)
  renameSync(next, join(dir, name))
  return join(dir, name)
}
const config = (more: Partial<EnrichConfig>): EnrichConfig => ({ geo: [], tables: [], userAgent: false, ...more })
const open = (more: Partial<EnrichConfig>, warnings: string[] = []) => {
  const made = openEnrichment(config(more), (line) => warnings.push(line))
  if (!made) throw new Error('nothing to enrich with')
  return made
}
const enrich = (event: EcsEvent, more: Partial<EnrichConfig>) => {
  open(more).add({ event, timestamp: 0 })
  return event
}

describe('tables', () => {
  const csv =
    '# assets\nname,host.type,organization.name,source.port\r\nweb-1,server,"Acme, Inc.",443\n"db ""2""",database,,\n'

  test('a row adds its fields to the events that have its key', () => {
    const tables = [{ file: put('assets.csv', csv), field: 'host.name' }]
    expect(enrich({ host: { name: 'web-1' } }, { tables })).toEqual({
      host: { name: 'web-1', type: 'server' },
      organization: { name: 'Acme, Inc.' },
      source: { port: 443 },
    })
    expect(enrich({ host: { name: 'db "2"' } }, { tables })).toEqual({ host: { name: 'db "2"', type: 'database' } })
  })

  test.each<[string, EcsEvent]>([
    ['of another key', { host: { name: 'web-9' } }],
    ['without the field', { user: { name: 'web-1' } }],
    ['with an object there', { host: { name: { a: 1 } } }],
    ['with everything', { host: { name: 'web-1', type: 'x' }, organization: { name: 'y' }, source: { port: 1 } }],
    ['with a scalar in the way', { host: { name: 'web-1', type: 'x' }, organization: 'y', source: ['z'] }],
  ])('an event %s stays as it is', (_why, event) => {
    const tables = [{ file: put('assets.csv', csv), field: 'host.name' }]
    const before = structuredClone(event)
    expect(enrich(event, { tables })).toEqual(before)
  })

  test.each([
    ['a short row', 'a,b.c\nx\n', ':2', '1 cells'],
    ['a value of a wrong type', 'a,source.ip\nx,10.0.0.1\ny,gateway\n', ':3', 'is no ip'],
    ['a key twice', 'a,b.c\nx,1\nx,2\n', ':3', 'twice'],
    ['an open quote', 'a,b.c\n"x,1\n', ':2', 'not closed'],
    ['text behind a quote', 'a,b.c\n"x"y,1\n', ':2', 'follows a closed quote'],
    ['one column', 'a\nx\n', ':1', 'at least one field'],
    ['nothing', '', ':1', 'names the columns'],
    ['a field of ours', 'a,event.original\n', ':1', 'no field a table may set'],
    ['a prototype', 'a,x.__proto__.y\n', ':1', 'no field a table may set'],
  ])('%s is refused with its line', (_why, text, place, problem) => {
    expect(() => parseTable(text, 't.csv')).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
    expect(() => parseTable(text, 't.csv')).toThrow(`t.csv${place}`)
    expect(() => parseTable(text, 't.csv')).toThrow(problem)
  })

  test('a replaced file is taken; a broken one is said once, and what was read stays', () => {
    const file = put('hot.csv', 'a,host.type\nweb-1,old\n')
    const warnings: string[] = []
    const enrichment = open({ tables: [{ file, field: 'host.name' }] }, warnings)
    const typeNow = () => {
      const event: EcsEvent = { host: { name: 'web-1' } }
      enrichment.add({ event, timestamp: 0 })
      return (event['host'] as EcsEvent)['type']
    }
    enrichment.look()
    expect(typeNow()).toBe('old')
    put('hot.csv', 'a,host.type\nweb-1,newer\n')
    enrichment.look()
    expect(typeNow()).toBe('newer')
    put('hot.csv', 'a,host.type\nweb-1\n')
    enrichment.look()
    enrichment.look()
    expect(typeNow()).toBe('newer')
    expect(warnings).toEqual([expect.stringContaining('hot.csv:2')])
    put('hot.csv', 'a,host.type\nweb-1,newest\n')
    enrichment.look()
    expect(typeNow()).toBe('newest')
  })

  test('any text is a table or is refused', () => {
    const cell = fc.oneof(fc.string(), fc.constantFrom('"', ',', '\n', '\r\n', '""', 'a.b'))
    fc.assert(
      fc.property(fc.array(cell), (cells) => {
        try {
          parseTable(cells.join(''), 't.csv')
        } catch (error) {
          expect((error as { code?: string }).code).toBe('CONFIG_INVALID')
        }
      }),
      { interruptAfterTimeLimit: 3000, numRuns: 3000 },
    )
  })
})

test('a missing file is refused at first', () => {
  const tables = [{ file: join(dir, 'none.csv'), field: 'host.name' }]
  expect(() => openEnrichment(config({ tables }), () => {})).toThrow('none.csv')
  expect(() => openEnrichment(config({ geo: [join(dir, 'none.mmdb')] }), () => {})).toThrow('none.mmdb')
})

test('with nothing to add there is no enrichment', () => {
  expect(openEnrichment(config({}), () => {})).toBeUndefined()
})

describe('places', () => {
  const city = () =>
    writeMmdb({
      '192.0.2.0/24': {
        continent: { code: 'AS', names: { en: 'Asia' } },
        country: { iso_code: 'KR', names: { en: 'South Korea', ko: '대한민국' } },
        subdivisions: [{ iso_code: '11', names: { en: 'Seoul' } }],
        city: { names: { en: 'Seoul' } },
        location: { latitude: -37.5, longitude: -126.9, time_zone: 'Asia/Seoul' },
      },
      '198.51.100.0/25': { country: { iso_code: 'DE' } },
    })
  const asn = () =>
    writeMmdb({ '192.0.2.0/25': { autonomous_system_number: 64500, autonomous_system_organization: 'Example Net' } })

  test('both ends of a connection get place and network', () => {
    const geo = [put('city.mmdb', city()), put('asn.mmdb', asn())]
    const event = enrich(
      { source: { ip: '192.0.2.7' }, destination: { ip: '198.51.100.1' }, client: { ip: '10.0.0.1' } },
      { geo },
    )
    expect(event).toEqual({
      source: {
        ip: '192.0.2.7',
        geo: {
          continent_code: 'AS',
          continent_name: 'Asia',
          country_iso_code: 'KR',
          country_name: 'South Korea',
          region_iso_code: 'KR-11',
          region_name: 'Seoul',
          city_name: 'Seoul',
          timezone: 'Asia/Seoul',
          location: { lat: -37.5, lon: -126.9 },
        },
        as: { number: 64500, organization: { name: 'Example Net' } },
      },
      destination: { ip: '198.51.100.1', geo: { country_iso_code: 'DE' } },
      client: { ip: '10.0.0.1' },
    })
  })

  test('addresses that are none, and IPv6 in a file of IPv4, get nothing', () => {
    const geo = [put('city.mmdb', city())]
    for (const ip of ['2001:db8::1', 'x', '', '192.0.2', '300.1.1.1'])
      expect(enrich({ source: { ip } }, { geo })).toEqual({ source: { ip } })
  })

  test('two events do not share an object', () => {
    const enrichment = open({ geo: [put('city.mmdb', city())] })
    const events: EcsEvent[] = [{ source: { ip: '192.0.2.7' } }, { source: { ip: '192.0.2.7' } }]
    for (const event of events) {
      enrichment.add({ event, timestamp: 0 })
      expect(event).toMatchObject({ source: { geo: { city_name: 'Seoul' } } })
      setPath(event, 'source.geo.city_name', 'masked')
      setPath(event, 'source.geo.location.lat', 0)
    }
  })

  test('a replaced file is taken, a file that is no MMDB is refused', () => {
    const file = put('hot.mmdb', asn())
    const enrichment = open({ geo: [file] })
    const now = () => {
      const event: EcsEvent = { source: { ip: '192.0.2.7' } }
      enrichment.add({ event, timestamp: 0 })
      return event
    }
    expect(now()).toMatchObject({ source: { as: { number: 64500 } } })
    put('hot.mmdb', writeMmdb({ '192.0.2.0/24': { autonomous_system_number: 64501 } }))
    enrichment.look()
    expect(now()).toEqual({ source: { ip: '192.0.2.7', as: { number: 64501 } } })
    expect(() => open({ geo: [put('bad.mmdb', 'not a database')] })).toThrow('bad.mmdb')
  })
})

test.each([
  [
    'Chrome on Windows',
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Safari/537.36',
    { name: 'Chrome', version: '143.0.0.0', os: { name: 'Windows', version: '10' }, device: 'Other' },
  ],
  [
    'Edge, which says Chrome too',
    'Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/143.0.0.0 Safari/537.36 Edg/143.0.1',
    { name: 'Edge', version: '143.0.1', os: { name: 'Windows', version: '10' }, device: 'Other' },
  ],
  [
    'Safari on a telephone',
    'Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15 Version/19.1 Mobile/15E148 Safari/604.1',
    { name: 'Mobile Safari', version: '19.1', os: { name: 'iOS', version: '19.1' }, device: 'iPhone' },
  ],
  [
    'Samsung Internet',
    'Mozilla/5.0 (Linux; Android 15; SM-S938N) AppleWebKit/537.36 SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36',
    { name: 'Samsung Internet', version: '28.0', os: { name: 'Android', version: '15' }, device: 'SM-S938N' },
  ],
  [
    'KakaoTalk',
    'Mozilla/5.0 (Linux; Android 14; SM-A546S Build/UP1A; wv) AppleWebKit/537.36 Chrome/130.0 Mobile Safari/537.36 KAKAOTALK 10.8.5',
    { name: 'KakaoTalk', version: '10.8.5', os: { name: 'Android', version: '14' }, device: 'SM-A546S' },
  ],
  [
    'Firefox on Linux',
    'Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0',
    { name: 'Firefox', version: '145.0', os: { name: 'Linux', version: undefined }, device: 'Other' },
  ],
  [
    'a crawler',
    'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.example.com/bot.html)',
    { name: 'Googlebot', version: '2.1', os: undefined, device: 'Spider' },
  ],
  ['a tool', 'curl/8.5.0', { name: 'curl', version: '8.5.0', os: undefined, device: 'Other' }],
  [
    'a tool we do not know',
    'acme-sync/v2.1-rc1 (linux; amd64)',
    { name: 'acme-sync', version: '2.1-rc1', os: { name: 'Linux', version: undefined }, device: 'Other' },
  ],
  [
    'a scanner',
    'sqlmap/1.8.2#stable (https://sqlmap.example)',
    { name: 'sqlmap', version: '1.8.2', os: undefined, device: 'Other' },
  ],
  ['no agent', '-', { name: undefined, version: undefined, os: undefined, device: 'Other' }],
  ['Mozilla alone', 'Mozilla/5.0', { name: undefined, version: undefined, os: undefined, device: 'Other' }],
])('user agent: %s', (_why, original, expected) => expect(readUserAgent(original)).toEqual(expected))

test('what a pack knows of the agent stays', () => {
  const event: EcsEvent = { user_agent: { original: 'curl/8.5.0', name: 'mine' } }
  addUserAgent(event)
  expect(event['user_agent']).toEqual({
    original: 'curl/8.5.0',
    name: 'mine',
    version: '8.5.0',
    device: { name: 'Other' },
  })
})

test('any string is read without a throw, however long', () => {
  fc.assert(
    fc.property(fc.string(), (text) => void readUserAgent(text)),
    { numRuns: 2000 },
  )
  for (const piece of ['Android 1; ', 'Chrome/', '(', 'a/1', ' OS 1_'])
    expect(readUserAgent(piece.repeat(200_000)).device).toBeTypeOf('string')
  for (const user_agent of [null, 'x', ['y'], { original: 5 }, {}] as EcsEvent['user_agent'][])
    addUserAgent({ user_agent })
})
