// The real disk and a real process: kill -9 at any moment, open again, nothing acknowledged is missing.

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { isPipelineError } from '../../core/errors.ts'
import { batchOf, readRecords } from '../bus.contract.ts'
import { fsckLedger } from './fsck.ts'
import { openLedger } from './ledger.ts'
import { seededRandom } from './sim-fs.ts'

const root = mkdtempSync(join(tmpdir(), 'ledger-kill-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

// Publishes numbered records, four calls at a time, and prints each number once it is acknowledged.
const program = `
import { openLedger } from ${JSON.stringify(import.meta.resolve('./ledger.ts'))}
import { RawBatchWriter } from ${JSON.stringify(import.meta.resolve('../../core/raw-batch.ts'))}
import { writeSync } from 'node:fs'
const [dir, start, crashPoint] = process.argv.slice(1)
const at = (point) => { if (point === crashPoint) process.kill(process.pid, 'SIGKILL') }
const ledger = await openLedger({ dir, segmentBytes: 8000, retention: { maxBytes: 1e9 }, at })
let number = Number(start)
const writer = new RawBatchWriter()
const origin = { source: 'kill', kind: 'demo', peer: '' }
const one = async () => {
  for (;;) {
    const mine = number++
    writer.append(origin, 0, Buffer.from(String(mine).padEnd(300, '.')))
    const { offset } = await ledger.publish(writer.finish(), 1)
    writeSync(1, mine + ' ' + offset + '\\n')
    if (mine % 7 === 0) await ledger.commit('store', 0, offset)
  }
}
for (let i = 0; i < 4; i++) one()
`

interface Life {
  acked: [number: number, offset: number][]
  killed: boolean
}

function run(dir: string, start: number, crashPoint: string, killAfterLines: number): Promise<Life> {
  const child: ChildProcess = spawn(
    process.execPath,
    ['--input-type=module', '-e', program, dir, String(start), crashPoint],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  let out = ''
  child.stdout?.on('data', (data) => {
    out += data
    if (out.split('\n').length > killAfterLines) child.kill('SIGKILL')
  })
  return new Promise((resolve) =>
    child.on('close', (_code, signal) => {
      const lines = out.slice(0, out.lastIndexOf('\n') + 1).trimEnd()
      const acked = lines === '' ? [] : lines.split('\n').map((line) => line.split(' ').map(Number) as [number, number])
      resolve({ acked, killed: signal === 'SIGKILL' })
    }),
  )
}

test('after kill -9 at random moments and at named points, every acknowledged record is there once', async () => {
  const random = seededRandom(20261122)
  const dir = join(root, 'numbers')
  const acked = new Map<number, number>()
  const points = [
    '',
    'append.written',
    'segment.headed',
    '',
    'groups.json.synced',
    'segment.marked',
    'recovery.scanned',
    '',
  ]
  let start = 0
  for (const point of points) {
    const life = await run(dir, start, point, 1 + Math.floor(random() * 150))
    expect(life.killed).toBe(true)
    for (const [number, offset] of life.acked) acked.set(offset, number)
    start += 1_000_000
  }
  expect(acked.size).toBeGreaterThan(50)
  const ledger = await openLedger({ dir })
  const { next } = ledger.bounds().get(0) as { next: number }
  const found = await readRecords(ledger, new Map(), next)
  expect(found.map(({ offset }) => offset)).toEqual(Array.from({ length: next }, (_, i) => i))
  const numbers = found.map(({ line }) => Number.parseInt(line, 10))
  expect(new Set(numbers).size).toBe(numbers.length)
  for (const [offset, number] of acked) expect(numbers[offset]).toBe(number)
  await ledger.close()
  expect(await fsckLedger(dir)).toMatchObject({ damaged: [], missing: [], chainOk: true, records: next })
}, 30_000)

test('a folder in use is refused by name; the lock of a dead process, of an earlier life or cut short is taken over', async () => {
  const dir = join(root, 'locked')
  const ledger = await openLedger({ dir })
  const second = openLedger({ dir })
  await expect(second).rejects.toSatisfy(
    (error) => isPipelineError(error, 'BUS_LOCKED') && error.params.pid === process.pid,
  )
  await ledger.close()
  // a live process that is not us: our parent
  writeFileSync(join(dir, 'lock'), JSON.stringify({ pid: process.ppid, started: '' }))
  await expect(openLedger({ dir })).rejects.toSatisfy(
    (error) => isPipelineError(error, 'BUS_LOCKED') && error.params.pid === process.ppid,
  )
  const stale = [
    JSON.stringify({ pid: 2 ** 22 + 1, started: '' }),
    JSON.stringify({ pid: process.pid, started: 'an earlier life' }),
    '{"pi',
    '',
    'null',
  ]
  if (process.platform === 'linux') stale.push(JSON.stringify({ pid: process.ppid, started: 'another boot/1' }))
  for (const content of stale) {
    writeFileSync(join(dir, 'lock'), content)
    await (await openLedger({ dir })).close()
  }
})

test('a record is durable on the real disk: written by one ledger, read by the next', async () => {
  const dir = join(root, 'real')
  const ledger = await openLedger({ dir, segmentBytes: 1000 })
  for (let i = 0; i < 30; i++) await ledger.publish(batchOf([`line ${i}`]), 1)
  await ledger.close()
  const again = await openLedger({ dir })
  expect(await readRecords(again, new Map(), 30)).toHaveLength(30)
  await again.close()
})
