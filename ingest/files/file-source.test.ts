import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Counters } from '../../core/counters.ts'
import { RecordFlags } from '../../core/raw-batch.ts'
import type { Source } from '../../core/source.ts'
import { FakeIntake, until } from '../testing.ts'
import { type FileSourceOptions, openFileSource } from './file-source.ts'

let folder: string
let log: string
let intake: FakeIntake
let counters: Counters
let opened: Source[]

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'haetae-files-'))
  log = join(folder, 'app.log')
  intake = new FakeIntake()
  counters = new Counters()
  opened = []
})
afterEach(async () => {
  for (const source of opened) await source.close()
  rmSync(folder, { recursive: true, force: true })
})

async function open(options: Partial<FileSourceOptions> = {}): Promise<Source> {
  const source = await openFileSource({
    paths: [log],
    stateDir: join(folder, 'state'),
    source: 'file:app',
    intake,
    counters,
    now: Date.now,
    pollMs: 10,
    rotateWaitMs: 60,
    ...options,
  })
  opened.push(source)
  return source
}

const lines = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => `line number ${from + i} of the test`)
const text = (from: number, to: number) => `${lines(from, to).join('\n')}\n`
/** What is missing or there twice, in few words. */
const compare = (got: readonly string[], want: readonly string[]) => {
  const has = new Set(got)
  return {
    missing: want.filter((line) => !has.has(line)).slice(0, 5),
    twice: got.length - has.size,
    strange: [...has.difference(new Set(want))].slice(0, 5),
  }
}
const exact = { missing: [], twice: 0, strange: [] }
const stored = () => intake.stored().map((record) => record.bytes.toString())
const count = (name: string, labels = {}) => counters.get(name, { source: 'file:app', ...labels })
const refused = (reason: string) => count('ingest_refused_total', { reason })
const settle = () => new Promise((resolve) => setTimeout(resolve, 60))
/** The state as a process would find it that died now. */
const savedState = () => {
  const name = readdirSync(join(folder, 'state')).find((file) => file.endsWith('.json'))
  return JSON.parse(readFileSync(join(folder, 'state', name ?? ''), 'utf8')) as { files: { offset: number }[] }
}

describe('following one file', () => {
  test('from its beginning, then what is added, with path and key', async () => {
    writeFileSync(log, 'one\ntwo\r\n\n')
    await open({ dataset: 'app', zone: 'Asia/Seoul' })
    await until(() => intake.records.length === 2, 'two lines')
    appendFileSync(log, 'thr')
    await settle()
    appendFileSync(log, 'ee\n')
    await until(() => intake.records.length === 3, 'the third')
    expect(intake.lines()).toEqual(['one', 'two', 'three'])
    expect(intake.records.map((r) => r.key.split(':')[1])).toEqual(['0', '4', '10'])
    expect(intake.records[0]?.origin).toEqual({
      source: 'file:app',
      kind: 'file',
      peer: log,
      dataset: 'app',
      zone: 'Asia/Seoul',
      fields: { 'log.file.path': log },
    })
  })

  test('that does not exist yet, or is empty for a while', async () => {
    const source = await open()
    await settle()
    expect(source.status()[0]).toMatchObject({ state: 'waiting', detail: 'no file matches yet' })
    writeFileSync(log, '')
    await settle()
    appendFileSync(log, 'first\n')
    await until(() => intake.records.length === 1, 'the line')
    expect(source.status()[0]?.state).toBe('running')
  })

  test('any bytes, byte for byte', async () => {
    writeFileSync(log, Buffer.from([0xff, 0x00, 0x0d, 0x61, 0x0a, 0xef, 0xbb, 0xbf, 0x0a]))
    await open()
    await until(() => intake.records.length === 2, 'two lines')
    expect(intake.lines()).toEqual(['\xff\x00\x0da', '\xef\xbb\xbf'])
  })

  test('a long line keeps its first part, and the next line is in step', async () => {
    writeFileSync(log, `${'x'.repeat(3_000_000)}\nnext\n${'y'.repeat(100)}\r\n${'z'.repeat(101)}\n`)
    await open({ maxLineBytes: 100 })
    await until(() => intake.records.length === 4, 'all lines')
    expect(intake.records.map((r) => [r.bytes.length, r.flags])).toEqual([
      [100, RecordFlags.truncated],
      [4, 0],
      [100, 0],
      [100, RecordFlags.truncated],
    ])
    await until(() => count('ingest_truncated_total', { reason: 'oversize_truncated' }) === 2, 'the count')
  })

  test('a line that has no end yet waits for it', async () => {
    writeFileSync(log, 'partial')
    await open()
    await settle()
    await settle()
    expect(intake.records).toEqual([])
  })

  test('two names for one file are one file', async () => {
    writeFileSync(log, 'one\n')
    symlinkSync(log, join(folder, 'link.log'))
    await open({ paths: [join(folder, '*.log')] })
    await settle()
    expect(stored()).toEqual(['one'])
    expect(intake.records).toHaveLength(1)
  })

  test('compressed files, folders and what cannot be opened are left out, and counted once', async () => {
    writeFileSync(`${log}.1.gz`, gzipSync('old\n'))
    mkdirSync(join(folder, 'app.log.d'))
    symlinkSync('/dev/null', join(folder, 'app.log.null'))
    writeFileSync(log, 'one\n')
    await open({ paths: [`${log}*`] })
    await until(() => intake.records.length === 1, 'the line')
    await settle()
    expect([refused('file_compressed'), refused('file_not_regular')]).toEqual([1, 1])
  })
})

describe('rotation keeps the exact sequence 0..19,999', () => {
  const all = lines(0, 20_000)
  const whole = () => until(() => stored().length >= 20_000, '20,000 lines', 15_000)

  test('rename and create', async () => {
    await open({ paths: [`${log}*`] })
    for (let part = 0; part < 10; part++) {
      appendFileSync(log, text(part * 2000, part * 2000 + 1000))
      if (part % 3 === 2) await settle()
      for (let old = part; old > 0; old--) renameSync(`${log}.${old}`, `${log}.${old + 1}`)
      renameSync(log, `${log}.1`)
      appendFileSync(`${log}.1`, text(part * 2000 + 1000, part * 2000 + 2000)) // the writer still has it open
    }
    await whole()
    await settle()
    expect(compare(stored(), all)).toEqual(exact)
    expect(intake.records).toHaveLength(20_000)
  })

  test('rename to where no pattern looks, and deletion, while it is open', async () => {
    await open()
    for (let part = 0; part < 10; part++) {
      writeFileSync(log, text(part * 2000, part * 2000 + 2000))
      await until(() => count('ingest_files_total') === part + 1, 'the file to be opened')
      if (part % 2 === 0) renameSync(log, join(folder, `elsewhere-${part}`))
      else rmSync(log)
    }
    await whole()
    expect(compare(stored(), all)).toEqual(exact)
    await until(
      () => counters.expose().includes('haetae_ingest_files_open{source="file:app"} 0'),
      'the files to be closed',
    )
  })

  test('symlink swap', async () => {
    for (let part = 0; part < 10; part++) {
      const target = join(folder, `target-${part}`)
      writeFileSync(target, text(part * 2000, part * 2000 + 1000))
      rmSync(log, { force: true })
      symlinkSync(target, log)
      if (part === 0) await open()
      await until(() => count('ingest_files_total') === part + 1, 'the file to be opened')
      appendFileSync(target, text(part * 2000 + 1000, part * 2000 + 2000))
    }
    await whole()
    expect(compare(stored(), all)).toEqual(exact)
  })

  test('copytruncate, when what was written has been read', async () => {
    await open()
    for (let part = 0; part < 10; part++) {
      appendFileSync(log, text(part * 2000, part * 2000 + 2000))
      await until(() => stored().length === part * 2000 + 2000, 'the part')
      copyFileSync(log, `${log}.1`)
      truncateSync(log)
    }
    await whole()
    expect(compare(stored(), all)).toEqual(exact)
    expect(stored()[19_999]).toBe(all[19_999])
    expect(refused('file_shrunk')).toBe(0)
  })

  test('copytruncate with the copy matched too loses nothing even when we are behind', async () => {
    intake.fullAfter = 700
    await open({ paths: [`${log}*`] })
    appendFileSync(log, text(0, 10_000))
    await until(() => intake.records.length === 700, 'the limit')
    copyFileSync(log, `${log}.1`)
    truncateSync(log)
    appendFileSync(log, text(10_000, 20_000))
    await settle()
    intake.fullAfter = Number.POSITIVE_INFINITY
    intake.makeRoom()
    await whole()
    await settle()
    expect(compare(stored(), all)).toEqual(exact)
  })

  test('a copy beside the original is not read a second time', async () => {
    writeFileSync(log, text(0, 5000))
    await open({ paths: [`${log}*`] })
    await until(() => stored().length === 5000, 'the lines')
    copyFileSync(log, `${log}.bak`)
    appendFileSync(log, text(5000, 20_000))
    await whole()
    await settle()
    expect(compare(stored(), all)).toEqual(exact)
    expect(stored()[19_999]).toBe(all[19_999])
  })
})

describe('rotation otherwise', () => {
  test('truncated, and grown past the old offset before we look again', async () => {
    writeFileSync(log, text(0, 1000))
    await open({ pollMs: 5000 })
    await until(() => stored().length === 1000, 'the first')
    truncateSync(log)
    appendFileSync(log, text(5000, 8000))
    await until(() => stored().length === 4000, 'the second')
    expect(stored().slice(1000)).toEqual(lines(5000, 8000))
    expect(count('ingest_file_restarts_total')).toBe(1)
  })

  test('bytes that were seen and truncated before they were read are counted', async () => {
    writeFileSync(log, text(0, 1000))
    intake.fullAfter = 10
    await open()
    await until(() => intake.records.length === 10, 'the limit')
    truncateSync(log)
    intake.fullAfter = Number.POSITIVE_INFINITY
    intake.makeRoom()
    await until(() => count('ingest_file_restarts_total') === 1, 'the restart')
    appendFileSync(log, 'after\n')
    await until(() => stored().includes('after'), 'the line after')
  })

  test('the last line of a finished file is a record without its newline', async () => {
    writeFileSync(log, 'one\nlast')
    await open()
    await until(() => stored().length === 1, 'the first')
    renameSync(log, join(folder, 'rotated'))
    await until(() => stored().length === 2, 'the last')
    expect(stored()).toEqual(['one', 'last'])
  })

  test('two files that begin alike are two files', async () => {
    const banner = 'a banner that every process prints when it starts\n'.repeat(40)
    writeFileSync(log, `${banner}first\n`)
    writeFileSync(`${log}.other`, `${banner}second\n`)
    await open({ paths: [`${log}*`] })
    await until(() => stored().includes('first') && stored().includes('second'), 'both')
    expect(stored()).toHaveLength(82)
  })

  test('deleted files that cannot be read in time are let go, and what was unread is counted', async () => {
    const warnings: string[] = []
    writeFileSync(log, text(0, 1000))
    intake.fullAfter = 10
    await open({ paths: [`${log}*`], orphanMaxMs: 30, warn: (message) => warnings.push(message) })
    await until(() => intake.records.length === 10, 'the limit')
    writeFileSync(`${log}.2`, 'never read\n')
    await until(() => count('ingest_files_total') === 2, 'the file to be opened meanwhile')
    rmSync(log)
    rmSync(`${log}.2`)
    await until(() => refused('file_closed_unread') === 1, 'the file to be let go')
    expect(count('ingest_file_unread_bytes_total')).toBe(11)
    expect(warnings.join()).toContain('app.log.2')
    intake.fullAfter = Number.POSITIVE_INFINITY
    intake.makeRoom()
    await until(() => intake.records.length === 1000, 'the file that was being read')
  })

  test('more files than may be open wait for those that are silent', async () => {
    for (let i = 0; i < 9; i++) writeFileSync(join(folder, `many-${i}.txt`), `file ${i}\n`)
    await open({ paths: [join(folder, 'many-*.txt')], maxOpenFiles: 3 })
    await until(() => stored().length === 9, 'all files')
    appendFileSync(join(folder, 'many-0.txt'), 'more\n')
    await until(() => stored().length === 10, 'the closed one to be opened again')
    expect(intake.records).toHaveLength(10)
  })
})

describe('restart', () => {
  test('goes on where the durable lines ended, after close', async () => {
    writeFileSync(log, text(0, 500))
    const first = await open()
    await until(() => intake.records.length === 500, 'the first lines')
    await settle()
    await first.close()
    appendFileSync(log, text(500, 600))
    await open()
    await until(() => intake.records.length === 600, 'the others')
    await settle()
    expect(intake.lines()).toEqual(lines(0, 600))
  })

  test('a crash before the offset was saved: the same lines come under the same keys', async () => {
    writeFileSync(log, text(0, 500))
    intake.auto = false // nothing becomes durable as far as the source knows
    const first = await open()
    await until(() => intake.records.length === 500, 'the lines')
    expect(savedState().files.map((file) => file.offset)).toEqual([0])
    await first.close()
    intake.auto = true
    intake.makeDurable()
    await open()
    await until(() => intake.records.length === 1000, 'the lines again')
    expect(stored()).toEqual(lines(0, 500))
  })

  test('lines the intake gave back are read again', async () => {
    writeFileSync(log, text(0, 50))
    intake.auto = false
    const first = await open()
    await until(() => intake.records.length === 50, 'the lines')
    intake.failBatch()
    await first.close()
    expect(intake.records).toHaveLength(0)
    intake.auto = true
    await open()
    await until(() => stored().length === 50, 'the lines again')
  })

  test('closed while the intake is full, in the middle of a file', async () => {
    writeFileSync(log, text(0, 500))
    intake.fullAfter = 123
    const first = await open()
    await until(() => intake.records.length === 123, 'the limit')
    await settle()
    await first.close()
    intake.fullAfter = Number.POSITIVE_INFINITY
    await open()
    await until(() => stored().length === 500, 'the rest')
    expect(intake.lines()).toEqual(lines(0, 500))
  })

  test('rotated, truncated and copied while we were away', async () => {
    writeFileSync(log, text(0, 500))
    const first = await open({ paths: [`${log}*`] })
    await until(() => intake.records.length === 500, 'the first lines')
    await settle()
    await first.close()
    appendFileSync(log, text(500, 600))
    copyFileSync(log, `${log}.1`)
    writeFileSync(log, text(600, 900)) // the same inode, other content
    await open({ paths: [`${log}*`] })
    await until(() => stored().length === 900, 'everything')
    await settle()
    expect(intake.records).toHaveLength(900)
    expect(compare(stored(), lines(0, 900))).toEqual(exact)
  })

  test('in the middle of a long line: its rest is not a record', async () => {
    writeFileSync(log, 'x'.repeat(600_000))
    const first = await open({ maxLineBytes: 1000 })
    await until(() => intake.records.length === 1, 'its first part')
    await settle()
    await first.close()
    appendFileSync(log, 'still the same line\nnext\n')
    await open({ maxLineBytes: 1000 })
    await until(() => stored().includes('next'), 'the next line')
    expect(stored().map((line) => line.length)).toEqual([1000, 4])
  })

  test('a damaged state is set aside and said', async () => {
    writeFileSync(log, 'one\n')
    await (await open()).close()
    const state = join(folder, 'state')
    const [name = ''] = readdirSync(state)
    writeFileSync(join(state, name), '{"version":1,"files":[')
    const warnings: string[] = []
    await open({ warn: (message) => warnings.push(message) })
    await until(() => intake.records.length >= 1, 'the line')
    expect(warnings.join()).toContain('set aside')
    expect(readdirSync(state).some((file) => file.endsWith('.damaged'))).toBe(true)
  })
})
