// How fast the ledger takes and gives, on this machine and disk: `node bus/ledger/ledger.bench.ts [seconds]`.
// 256 KiB batches of made-up syslog lines of about 200 bytes; one JSON line a run.

import { mkdtempSync, rmSync, statfsSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { Counters } from '../../core/counters.ts'
import { type Origin, RawBatchWriter } from '../../core/raw-batch.ts'
import { openLedger } from './ledger.ts'
import { seededRandom } from './sim-fs.ts'

const BATCH_BYTES = 256 * 1024
const seconds = Number(process.argv[2] ?? 3)

function makeBatches(count: number): { batch: Uint8Array<ArrayBuffer>; records: number }[] {
  const random = seededRandom(42)
  const below = (n: number) => Math.floor(random() * n)
  const pick = (items: string[]) => items[below(items.length)] as string
  const origin: Origin = { source: 'syslog-tcp', kind: 'syslog', peer: '192.0.2.7' }
  const line = () =>
    `<${below(191)}>Nov ${1 + below(28)} 10:${10 + below(50)}:${10 + below(50)} web-${below(40)} gateway[${below(30_000)}]: ` +
    `${pick(['GET', 'GET', 'POST', 'PUT'])} /shop/${pick(['cart', 'item', 'search', 'user'])}/${below(1e5)} from ` +
    `10.${below(255)}.${below(255)}.${below(255)}:${below(65_535)} answered ${pick(['200', '200', '200', '304', '404', '502'])} ` +
    `with ${below(1e5)} bytes in ${below(2000)} ms, trace ${below(2 ** 32).toString(16)}${below(2 ** 32).toString(16)}`
  return Array.from({ length: count }, () => {
    const writer = new RawBatchWriter(BATCH_BYTES)
    while (writer.byteLength < BATCH_BYTES) writer.append(origin, 1_790_000_000_000, Buffer.from(line()))
    const records = writer.count
    return { batch: writer.finish(), records }
  })
}

async function measure(zstdLevel: number, publishers: number, withReader: boolean): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'ledger-bench-'))
  const batches = makeBatches(16)
  const counters = new Counters()
  const ledger = await openLedger({ dir, zstdLevel, counters })
  const stop = new AbortController()
  let read = 0
  const reading = withReader
    ? (async () => {
        for await (const { count } of ledger.subscribe(new Map(), stop.signal)) read += count
      })()
    : undefined
  const cpu = process.cpuUsage()
  const started = performance.now()
  let next = 0
  const publisher = async () => {
    while (performance.now() - started < seconds * 1000) {
      const { batch, records } = batches[next++ % batches.length] as (typeof batches)[number]
      await ledger.publish(batch, records)
    }
  }
  await Promise.all(Array.from({ length: publishers }, publisher))
  const tookMs = performance.now() - started
  const { user, system } = process.cpuUsage(cpu)
  stop.abort()
  await reading
  const records = counters.get('bus_appended_records_total')
  const raw = counters.get('bus_appended_bytes_total')
  const round = (value: number, digits = 2) => Number(value.toFixed(digits))
  console.log(
    JSON.stringify({
      zstdLevel,
      publishers,
      reader: withReader,
      recordsPerSecond: Math.round((records / tookMs) * 1000),
      cpuMicrosPerRecord: round((user + system) / records),
      ratio: round(raw / counters.get('bus_written_bytes_total')),
      bytesPerRecordOnDisk: round(counters.get('bus_written_bytes_total') / records, 1),
      batchesPerFsync: round(next / counters.get('bus_fsync_total'), 1),
      deliveredShare: withReader ? round(read / records) : undefined,
    }),
  )
  await ledger.close()

  if (!withReader) {
    const opened = performance.now()
    const again = await openLedger({ dir })
    const openMs = performance.now() - opened
    const before = process.cpuUsage()
    const from = performance.now()
    let got = 0
    const end = new AbortController()
    for await (const { count } of again.subscribe(new Map(), end.signal)) if ((got += count) >= records) end.abort()
    const used = process.cpuUsage(before)
    const perSecond = Math.round((got / (performance.now() - from)) * 1000)
    const micros = round((used.user + used.system) / got)
    console.log(
      JSON.stringify({ openMs: round(openMs), replayRecordsPerSecond: perSecond, cpuMicrosPerRecord: micros }),
    )
    await again.close()
  }
  rmSync(dir, { recursive: true, force: true })
}

console.log(
  JSON.stringify({ node: process.version, cpu: cpus()[0]?.model, cpus: cpus().length, fs: statfsSync(tmpdir()).type }),
)
await measure(1, 4, false)
await measure(3, 4, false)
await measure(1, 1, false)
await measure(1, 4, true)
