// Random queries over random events, on the real store and in the plain oracle: same ids, same order, same figures.
// HAETAE_DIFFERENTIAL_MS=600000 runs for longer than the unit suite allows.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Counters } from '../../core/counters.ts'
import type { EcsEvent } from '../../core/event.ts'
import type { Pipe } from '../../core/query.ts'
import { openSegmentStore } from '../../store/segments/segment-store.ts'
import { appendAll, type Given, idOf, matches } from '../../store/store.contract.ts'
import { formatQuery } from '../query/format-query.ts'
import { parseQuery } from '../query/parse-query.ts'
import { roundInterval } from '../wire.ts'
import { planPipes } from './plan.ts'
import { eachOf, type Row } from './row.ts'
import { runPlan, takeRows } from './run.ts'
import { type OracleRow, rowOf, runOracle } from './test-oracle.ts'

const START = Date.UTC(2026, 0, 15, 10)
const timeLimitMs = Number(process.env['HAETAE_DIFFERENTIAL_MS'] ?? 6000)
const pick = fc.constantFrom

const user = pick('root', 'admin', 'kim', '김', 'Root', '10', '1e1', '')
const event: fc.Arbitrary<EcsEvent> = fc.record(
  {
    user: fc.record({ name: fc.oneof(user, fc.array(user, { maxLength: 3 })) }),
    source: fc.record({ ip: pick('10.0.0.1', '10.0.0.2', '192.168.1.9', '2001:db8::1') }),
    host: fc.record({ name: pick('web-1', 'web-2', 'db-1') }),
    http: fc.record({ response: fc.record({ status_code: pick(200, 404, 500, 503) }) }),
    event: fc.record(
      { duration: fc.integer({ min: -5, max: 2000 }), outcome: pick('success', 'failure') },
      { requiredKeys: [] },
    ),
    message: pick('order 17 failed', 'order 18 failed', 'user "kim" signed in', 'disk full', 'disk full again 9'),
    // One field, every kind of value: number, text that is one, text, boolean.
    mixed: fc.oneof(pick(1, 1.5, -2, '1', '1.0', 'x', 'é', '😀', true, false), fc.array(pick(1, '1', 2, 2, true, 'x'))),
    tags: fc.array(pick('a', 'b', 'c'), { maxLength: 4 }),
  },
  { requiredKeys: [] },
)
const corpus = fc
  .array(fc.record({ event, atMs: fc.integer({ min: 0, max: 600_000 }).map((ms) => Math.floor(ms / 500) * 500) }), {
    minLength: 1,
    maxLength: 64, // percentiles are exact up to here
  })
  .map((all) =>
    all.map(({ event, atMs }, offset): Given => ({ event, timestampMs: START + atMs, partition: 0, offset })),
  )

const field = pick('user.name', 'source.ip', 'host.name', 'http.response.status_code', 'mixed', 'tags', 'event.outcome')
const number = pick('event.duration', 'http.response.status_code', 'mixed', 'user.name')
const filter = fc.oneof(
  fc.constant(''),
  pick('disk', 'order and not failed', 'user.name:root', 'source.ip:10.0.0.0/8', 'http.response.status_code >= 404'),
  pick('not tags:*', 'host.name:web-*', 'mixed:1', 'event.outcome:failure or user.name:(kim or admin)', 'nothing'),
)
const condition = fc.oneof(
  fc.tuple(field, pick('=', '!=', '<', '>='), pick('200', '"root"', '1', 'null', '"web-1"', 'true', 'event.duration')),
  fc.tuple(number, pick('*', '/', '%'), pick('2 > 10', '0 = null', '3 = 1')),
  fc.tuple(pick('contains(', 'startswith(', 'endswith('), field, pick(', "o")', ', "*")', ', "1")', ', "r")')),
  fc.tuple(fc.constant('not'), field, fc.constant('= "x" and event.duration > 100')),
)
const words = (parts: readonly unknown[]) => parts.join(' ')
const names = fc.uniqueArray(field, { minLength: 1, maxLength: 2 })
const measure = fc.oneof(
  fc.constant('count()'),
  fc.tuple(pick('dc', 'count'), field).map(([name, of]) => `${name}(${of})`),
  fc
    .tuple(pick('p50', 'p95'), pick('event.duration', 'http.response.status_code'))
    .map(([name, of]) => `${name}(${of})`),
  fc.tuple(pick('sum', 'avg', 'min', 'max'), number).map(([name, of]) => `${name}(${of})`),
  pick('min(@timestamp)', 'max(@timestamp)', 'min(user.name)', 'max(tags)'),
)
const measures = fc.uniqueArray(measure, { minLength: 1, maxLength: 3 })
const eventStage = fc.oneof(
  condition.map((parts) => `where ${words(parts)}`),
  fc.nat(40).map((n) => `head ${n}`),
  names.map((all) => `dedup ${all.join(', ')}`),
  fc.tuple(pick('-', ''), field, pick('-', ''), number).map(([s, a, t, b]) => `sort ${s}${a}, ${t}${b}`),
  fc
    .tuple(pick('n', 'user.name'), number, pick('+ 1', '* 2 - 3', '% 7'))
    .map(([to, of, math]) => `eval ${to} = ${of} ${math}`),
  field.map((of) => `eval n = if(${of} = null, "none", coalesce(upper(${of}), 0))`),
  number.map((of) => `eval n = floor(${of} / 3), m = len(${of})`),
)
const tableStage = fc.oneof(
  fc.tuple(measures, fc.uniqueArray(field, { maxLength: 2 }), fc.boolean()).map(([of, by, time]) => {
    const keys = [...by, ...(time ? ['bin(1m)'] : [])]
    return `stats ${of.join(', ')}${keys.length > 0 ? ` by ${keys.join(', ')}` : ''}`
  }),
  fc
    .tuple(pick('top', 'rare'), fc.integer({ min: 1, max: 6 }), names)
    .map(([kind, n, of]) => `${kind} ${n} ${of.join(', ')}`),
  fc.tuple(pick('', '30s '), measures, fc.option(field)).map(([each, of, by]) => {
    return `timechart ${each}${of.join(', ')}${by ? ` by ${by}` : ''}`
  }),
  fc.constant('patterns 4'),
  fc.constant('stats count() as n by pattern(message)'),
  names.map((all) => `fields ${all.join(', ')}`),
)
/** After a table: over whatever columns it has. */
const after = fc.array(
  fc.record({ kind: pick('sort', 'head', 'where', 'dedup', 'stats', 'eval'), at: fc.nat(5), down: fc.boolean() }),
  { maxLength: 3 },
)

function lineOf(
  start: string,
  events: readonly string[],
  table: string | null,
  more: { kind: string; at: number; down: boolean }[],
): string {
  let line = [start, ...events, ...(table === null ? [] : [table])].join(' | ')
  if (table === null) return line
  for (const { kind, at, down } of more) {
    const { columns = [] } = planPipes(parseQuery(line).pipes, { since: START, until: START + 600_000 })
    const column = `\`${columns[at % columns.length]}\``
    if (kind === 'sort') line += ` | sort ${down ? '-' : ''}${column}`
    if (kind === 'head') line += ` | head ${at}`
    if (kind === 'where') line += ` | where ${column} ${down ? '>' : '!='} 1`
    if (kind === 'dedup') line += ` | dedup ${column}`
    if (kind === 'eval') line += ` | eval again = ${column} * 2`
    if (kind === 'stats') line += ` | stats count() as rows, max(${column}) as most`
  }
  return line
}
const query = fc
  .tuple(filter, fc.array(eventStage, { maxLength: 2 }), fc.option(tableStage, { freq: 5 }), after)
  .map(([start, events, table, more]) => lineOf(start, events, table, more))

test(
  'random queries over random events agree with the oracle',
  async () => {
    let asked = 0
    await fc.assert(
      fc.asyncProperty(corpus, fc.array(query, { minLength: 20, maxLength: 20 }), async (given, lines) => {
        const dir = mkdtempSync(join(tmpdir(), 'haetae-differential-'))
        // Small blocks and segments, half of the events on disk: every seam between them is crossed.
        const store = await openSegmentStore({
          dir,
          counters: new Counters(),
          inline: true,
          sealRows: 64,
          blockRows: 16,
        })
        try {
          await appendAll(store, given.slice(0, given.length / 2), 30)
          await store.flush()
          await appendAll(store, given.slice(given.length / 2), 30)
          for (const line of lines) {
            const { filter, pipes } = parseQuery(line)
            expect(parseQuery(formatQuery(filter, pipes)).pipes).toEqual(pipes)
            const range = { since: START, until: START + 500_000 }
            const plan = planPipes(pipes, range, filter)
            const run = runPlan({ store, range, plan, signal: new AbortController().signal, limit: 10_000 })
            const rows: Row[] = []
            for await (const page of takeRows(run, 10_000)) rows.push(...page)
            const wanted = runOracle(newestFirst(given, filter, range), pipes, roundInterval(range, 60))
            expect(plan.columns, line).toEqual(wanted.columns)
            const columns = wanted.columns ?? columnsOfEvents(pipes)
            expect(
              rows.map((row) => shown(row, columns)),
              line,
            ).toEqual(wanted.rows.map((row) => told(row, columns)))
            asked++
          }
        } finally {
          await store.close()
          rmSync(dir, { recursive: true, force: true })
        }
      }),
      { interruptAfterTimeLimit: timeLimitMs, numRuns: 100_000, markInterruptAsFailure: false },
    )
    expect(asked).toBeGreaterThan(20)
    if (process.env['HAETAE_DIFFERENTIAL_MS']) console.warn(`${asked} queries agreed`)
  },
  timeLimitMs + 60_000,
)

function newestFirst(
  given: readonly Given[],
  filter: Parameters<typeof matches>[0],
  range: { since: number; until: number },
) {
  return given
    .filter((one) => one.timestampMs >= range.since && one.timestampMs < range.until && matches(filter, one))
    .sort((a, b) => b.timestampMs - a.timestampMs || b.offset - a.offset)
    .map((one) => rowOf(idOf(one), new Date(one.timestampMs).toISOString(), one.event))
}

const columnsOfEvents = (pipes: readonly Pipe[]) => pipes.flatMap((pipe) => (pipe.kind === 'eval' ? [pipe.column] : []))

const shown = (row: Row, columns: readonly string[]) => ({
  id: row.hit?.id,
  cells: columns.map((column) => {
    const value = row.get(column)
    return typeof value === 'object' ? (value ?? []).map(rounded) : eachOf(value).map(rounded)
  }),
})
const told = (row: OracleRow, columns: readonly string[]) => ({
  id: row.id,
  cells: columns.map((column) => (row.cells.get(column) ?? []).map(rounded)),
})
/** Sums of fractions may differ in the last digit by the order of adding. */
const rounded = (value: unknown) => (typeof value === 'number' ? Number(value.toPrecision(12)) : value)
