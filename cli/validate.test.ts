// What a configuration names is opened, and each mistake told with file and reason.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test, vi } from 'vitest'
import { command } from './validate.ts'

const dir = mkdtempSync(join(tmpdir(), 'haetae-validate-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))
const put = (name: string, text: string) => {
  const path = join(dir, name)
  mkdirSync(join(path, '..'), { recursive: true })
  writeFileSync(path, text)
  return path
}
const key = put('key', `${'ab'.repeat(32)}\n`)
const table = put('hosts.csv', 'name,host.type\nweb-1,vm\n')
const rule = 'title: a\nid: a\nlogsource: {product: linux}\ndetection: {s: {a: b}, condition: s}\n'
const rules = join(put('rules/a.yml', rule), '..')

let tried = 0
async function validate(config: string) {
  const file = put(`${++tried}.yaml`, `data: ${join(dir, 'data')}\n${config}\n`)
  const said: string[] = []
  const log = vi.spyOn(console, 'log').mockImplementation((line) => void said.push(String(line)))
  const status = await command.run(['--config', file]).finally(() => log.mockRestore())
  return { status, out: said.join('\n'), file }
}

test('everything a configuration names is opened, and said to be good', async () => {
  const { status, out, file } = await validate(
    `enrich: {tables: [{file: ${table}, field: host.name}]}\nmasking: {keyFile: ${key}, sealKeyFile: ${key}}\nrules: [${rules}]`,
  )
  expect(out).toContain(`${table}: good`)
  expect(out).toContain(`${key}: good`)
  expect(out).toContain('0 refused')
  expect(out).toContain(`${file}: good`)
  expect(status).toBe(0)
})

test.each([
  ['a key file that is not there', `masking: {keyFile: ${join(dir, 'none')}}`, 'none'],
  ['a key file that holds no key', `masking: {keyFile: ${table}}`, 'hosts.csv'],
  ['a seal key that holds none', `masking: {keyFile: ${key}, sealKeyFile: ${table}}`, 'masking.sealKeyFile'],
  ['a field that cannot be masked', `masking: {keyFile: ${key}, fields: [event.created]}`, 'event.created'],
  ['a table that is not there', `enrich: {tables: [{file: ${join(dir, 'x.csv')}, field: host.name}]}`, 'x.csv'],
  [
    'a table whose line is short',
    `enrich: {tables: [{file: ${put('short.csv', 'name,host.type\nweb-1\n')}, field: host.name}]}`,
    'short.csv:2',
  ],
  ['a database that is none', `enrich: {geo: [${table}]}`, 'enrich.geo'],
  ['a folder of packs that is not there', `packs: [${join(dir, 'nopacks')}]`, 'nopacks: no such file or folder'],
  ['rules that are not there', `rules: [${join(dir, 'norules')}]`, 'norules: no such file or folder'],
  ['a legal hold that cannot be read', 'store: {hold: [{reason: a, query: "a:("}]}', 'store.hold[0]'],
  ['lists that are not there', `lists: [${join(dir, 'nolists')}]`, 'nolists: no such file or folder'],
])(
  '%s is bad configuration, by name',
  async (_why, config, words) => {
    const { status, out, file } = await validate(config)
    expect(out).toContain(words)
    expect(out).not.toContain(`${file}: good`)
    expect(status).toBe(78)
  },
  60_000,
)

test('one mistake hides no other', async () => {
  const { status, out } = await validate(
    `masking: {keyFile: ${join(dir, 'none')}}\nenrich: {tables: [{file: ${join(dir, 'x.csv')}, field: host.name}]}\npacks: [${join(dir, 'nopacks')}]\nrules: [${put('bad/b.yml', 'title: b\n')}]`,
  )
  for (const words of ['none', 'x.csv', 'nopacks', 'b.yml']) expect(out).toContain(words)
  expect(status).toBe(78)
})

test('a rule that is refused is no bad configuration, but wrong', async () => {
  const { status, out } = await validate(`rules: [${put('worse/c.yml', 'title: c\nid: c\n')}]`)
  expect(out).toContain('c.yml')
  expect(status).toBe(1)
})
