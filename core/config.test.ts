import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { bytesOf, ConfigSchema, durationMs, loadConfig, nearest, parseConfig } from './config.ts'

test('without a file every key has its default', () => {
  const config = loadConfig()
  expect(config.http).toMatchObject({ host: '127.0.0.1', port: 8514 })
  expect(config.syslog).toMatchObject({ port: 5514, udp: true, tcp: true })
})

test.each([
  ['an unknown key names the near one and its line', 'http:\n  prot: 1', '/c.yaml:2', "did you mean 'port'"],
  ['an unknown key far from all', 'florble: 1', '/c.yaml:1', 'docs/configuration.md'],
  ['a wrong type names the path', 'syslog:\n  port: "x"', '/c.yaml:2', 'syslog.port must be integer'],
  ['a port out of range', 'http:\n\n  port: 70000', '/c.yaml:3', 'http.port must be <= 65535'],
  ['a size without unit', 'bus:\n  segment: "5"', '/c.yaml:2', 'bus.segment'],
  ['an unset variable', 'data: ${NOPE}', '/c.yaml:1', '${NOPE} is not set'],
  ['a required variable with a message', 'data: ${NOPE:?say where}', '/c.yaml:1', 'say where'],
  ['a variable with a line break', 'zone: ${EVIL}', '/c.yaml:1', 'line break'],
  ['an open address without a token', 'http:\n  host: 0.0.0.0', '/c.yaml', 'ingestToken'],
  ['broken YAML', 'zone: UTC\nfiles: [', '/c.yaml:', ''],
])('%s', (_why, text, place, problem) => {
  const run = () => parseConfig(text, '/c.yaml', { EVIL: 'a\nhttp: 1' })
  expect(run).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
  expect(run).toThrow(place)
  expect(run).toThrow(problem)
})

test('variables have defaults and a dollar sign can be written', () => {
  const config = parseConfig('zone: ${Z:-Asia/Seoul}\ndata: /x/$$y', '/c.yaml', {})
  expect(config.zone).toBe('Asia/Seoul')
  expect(config.data).toBe('/x/$y')
})

test('relative folders are taken from where the file is', () => {
  expect(parseConfig('packs: [mine]', '/etc/haetae/c.yaml', {}).packs).toEqual(['/etc/haetae/mine'])
})

test.each([
  ['64 KiB', 65536],
  ['1GiB', 2 ** 30],
  ['0 B', 0],
])('bytesOf(%s)', (text, bytes) => expect(bytesOf(text)).toBe(bytes))

test.each([
  ['10m', 600_000],
  ['250 ms', 250],
  ['2d', 172_800_000],
])('durationMs(%s)', (text, ms) => expect(durationMs(text)).toBe(ms))

test('nearest gives up beyond two edits', () => {
  expect(nearest('sorce.ip', ['source.ip', 'host.ip'])).toBe('source.ip')
  expect(nearest('zzz', ['source.ip'])).toBeUndefined()
})

test('docs/configuration.md names every key, and its example loads', () => {
  const page = readFileSync(new URL('../docs/configuration.md', import.meta.url), 'utf8')
  const example = /```yaml\n([\s\S]*?)```/.exec(page)?.[1] ?? ''
  parseConfig(example, '/c.yaml', {})
  const everything = example.replace(/^( *)# (\w+:)/gm, '$1$2')
  parseConfig(everything, '/c.yaml', { INGEST_TOKEN: 'sixteen characters' })
  const keysOf = (schema: unknown): string[] => {
    const { properties = {}, items } = schema as { properties?: Record<string, unknown>; items?: unknown }
    const below = Object.entries(properties).flatMap(([key, inner]) => [key, ...keysOf(inner)])
    return items ? [...below, ...keysOf(items)] : below
  }
  for (const key of keysOf(ConfigSchema)) expect(everything, key).toMatch(new RegExp(`\\b${key}:`))
})
