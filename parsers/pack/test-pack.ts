// The golden lines of a pack: `<name>.log` (a raw line each) beside `<name>.ndjson` (the event it must become).
// A first line `#! {"dataset": "nginx.access", "zone": "Asia/Seoul"}` says what the input knows; it is no log line.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { PipelineError } from '../../core/errors.ts'
import type { EcsEvent } from '../../core/event.ts'
import type { Parser } from '../../core/parser.ts'
import type { Origin } from '../../core/raw-batch.ts'

/** The receive time of every golden line: 15 January 2026. */
export const GOLDEN_NOW_MS = Date.UTC(2026, 0, 15)

export interface GoldenFile {
  readonly log: string
  readonly ndjson: string
  readonly origin: Origin
  readonly lines: readonly string[]
}

export interface GoldenFailure {
  readonly file: string
  /** 1-based line of the .log file. */
  readonly line: number
  readonly raw: string
  readonly expected: EcsEvent | undefined
  readonly actual: EcsEvent
}

/** The golden files beside a pack file. @throws PACK_INVALID for a first line that is no JSON */
export function goldenFiles(packFile: string): GoldenFile[] {
  const folder = dirname(packFile)
  return readdirSync(folder)
    .filter((name) => name.endsWith('.log'))
    .sort()
    .map((name) => readGolden(join(folder, name)))
}

export function readGolden(log: string): GoldenFile {
  const lines = readFileSync(log, 'utf8').replace(/\n$/, '').split('\n')
  let given: Partial<Origin> = {}
  if (lines[0]?.startsWith('#! ')) {
    try {
      given = JSON.parse((lines.shift() as string).slice(3)) as Partial<Origin>
    } catch (error) {
      throw new PipelineError(
        'PACK_INVALID',
        { place: `${log}:1`, problem: (error as Error).message },
        { cause: error },
      )
    }
  }
  return {
    log,
    ndjson: log.replace(/\.log$/, '.ndjson'),
    origin: { source: 'golden', kind: 'syslog', peer: '192.0.2.1', ...given },
    lines,
  }
}

/** What the parser makes of a golden file, a line of JSON each. The parser's clock should stand at GOLDEN_NOW_MS. */
export function goldenEvents(parser: Parser, golden: GoldenFile): EcsEvent[] {
  return golden.lines.map((line) => {
    const { event } = parser.parse({
      bytes: Buffer.from(line),
      origin: golden.origin,
      receivedAtMs: GOLDEN_NOW_MS,
      flags: 0,
    })
    return JSON.parse(JSON.stringify(event)) as EcsEvent
  })
}

/** Checks a pack's golden lines. @returns what differs; empty when all is well (or there is nothing to check) */
export function testPack(parser: Parser, packFile: string): GoldenFailure[] {
  const failures: GoldenFailure[] = []
  for (const golden of goldenFiles(packFile)) {
    const expected = existsSync(golden.ndjson)
      ? readFileSync(golden.ndjson, 'utf8')
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line) as EcsEvent)
      : []
    const actual = goldenEvents(parser, golden)
    for (let i = 0; i < Math.max(actual.length, expected.length); i++) {
      if (isDeepStrictEqual(actual[i], expected[i])) continue
      failures.push({
        file: basename(golden.log),
        line: i + 1,
        raw: golden.lines[i] ?? '',
        expected: expected[i],
        actual: actual[i] ?? {},
      })
    }
  }
  return failures
}
