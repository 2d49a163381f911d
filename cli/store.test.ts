import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, expect, test, vi } from 'vitest'
import { Counters } from '../core/counters.ts'
import { EventBatchWriter } from '../core/event-batch.ts'
import { openSegmentStore } from '../store/segments/segment-store.ts'
import { runCli } from './cli.ts'

const data = mkdtempSync(join(tmpdir(), 'haetae-store-cli-'))
const dir = join(data, 'segments')
afterAll(() => rmSync(data, { recursive: true }))
afterEach(() => vi.restoreAllMocks())

async function run(...args: string[]) {
  let out = ''
  let err = ''
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += String(text)
    return true
  })
  vi.spyOn(console, 'error').mockImplementation((text) => {
    err += String(text)
  })
  const code = await runCli(['store', ...args])
  return { code, out, err }
}

test('fsck passes a sound store, names a damaged file, and leaves all as it is', async () => {
  mkdirSync(dir)
  const store = await openSegmentStore({ dir, counters: new Counters(), inline: true })
  const writer = new EventBatchWriter()
  for (let i = 0; i < 10; i++) writer.write({ message: `event ${i}` }, i, 0, i)
  await store.append(writer.finish(), 0, 10)
  await store.close()
  const sound = await run('fsck', '--data', data)
  expect([sound.code, JSON.parse(sound.out)]).toMatchObject([0, { ok: true, events: 10, segments: 1, problems: [] }])

  const name = readdirSync(dir)[0] as string
  const bytes = readFileSync(join(dir, name))
  bytes[40]! ^= 1
  writeFileSync(join(dir, name), bytes)
  const damaged = await run('fsck', '--data', data)
  expect(damaged.code).toBe(1)
  expect(JSON.parse(damaged.out).problems[0]).toContain(name)
  expect(readdirSync(dir)).toEqual([name])
})

test.each([
  ['no verb', []],
  ['another verb', ['repair']],
  ['two verbs', ['fsck', 'fsck']],
  ['a folder without a store', ['fsck', '--data', join(data, 'nowhere')]],
  ['an option nobody knows', ['fsck', '--fix']],
])('refuses %s as wrong usage', async (_why, args) => {
  const { code, out } = await run(...args)
  expect([code, out]).toEqual([2, ''])
})
