// The correlate stage on a real alert book, killed ahead of its checkpoints again and again: the book says in the end what it
// says when nothing happened. No phantom stands, none is stale, none is missing, triage stays.

import { expect, test } from 'vitest'
import { createCorrelator } from '../correlator/correlator.ts'
import { correlation, info, MINUTE, match, random } from '../correlator/windows/fixtures.ts'
import { chains, deliver, makeMatches, specs } from '../correlator/windows/proof.ts'
import type { CorrelationSpec } from '../correlator/windows/spec.ts'
import { type CorrelateStage, openCorrelateStage } from '../pipeline/correlate-stage.ts'
import { type AlertBook, openAlertBook } from '../store/documents/alert-book.ts'
import { openDocuments } from '../store/documents/sqlite.ts'

const rulesById = new Map(['a', 'b', 'c'].map((id) => [id, info(id)]))
const T = 1_800_000_000_000

interface Saved {
  readonly upTo: ReadonlyMap<number, number>
  readonly text: string
}

async function open(
  all: readonly CorrelationSpec[],
  book: AlertBook,
  saved?: Saved,
  more: Partial<Parameters<typeof openCorrelateStage>[0]> = {},
): Promise<CorrelateStage> {
  const make = (restore: unknown) => createCorrelator(all, { rulesById, allowedLatenessMs: 5 * MINUTE, restore })
  return openCorrelateStage({
    correlator: make(saved && JSON.parse(saved.text)),
    alerts: book,
    upTo: saved?.upTo ?? new Map(),
    toldUpTo: await book.toldUpTo(),
    now: () => T,
    onError: (error) => {
      throw error
    },
    ...more,
  })
}

async function checkpoint(stage: CorrelateStage): Promise<Saved> {
  const { upTo, state } = await stage.between(async () => stage.progress())
  return { upTo, text: JSON.stringify(state) }
}

/** Every alert that stands, by what people see. */
async function standing(book: AlertBook): Promise<string[]> {
  const found: string[] = []
  for await (const page of book.since(Number.NEGATIVE_INFINITY))
    for (const { alert, state } of page) if (state !== 'withdrawn') found.push(JSON.stringify(alert))
  return found.sort()
}

const all = [...specs, ...chains]

test('whenever it is killed, the book says in the end what it says without a crash', async () => {
  let crashes = 0
  let replaced = 0
  for (let seed = 1; seed <= 12; seed++) {
    const deliveries = [...deliver(seed, makeMatches(seed)), { matches: [], watermark: T + 7 * 86_400_000 }]
    const calm = openAlertBook(await openDocuments({ path: ':memory:' }))
    const undisturbed = await open(all, calm)
    for (const [i, { matches, watermark }] of deliveries.entries())
      await undisturbed.correlate(matches, watermark, 0, i + 1)
    await undisturbed.flush()
    undisturbed.close()

    const next = random(seed)
    const book = openAlertBook(await openDocuments({ path: ':memory:' }))
    let stage = await open(all, book)
    let saved = await checkpoint(stage)
    for (let i = 0; i < deliveries.length; i++) {
      const { matches, watermark } = deliveries[i] as (typeof deliveries)[number]
      await stage.correlate(matches, watermark, 0, i + 1)
      if (next() < 0.4) await stage.flush() // otherwise with those that follow: portions differ from run to run
      if (next() < 0.1) saved = await checkpoint(stage)
      if (next() < 0.05) {
        // rules are loaded anew, also while what was lost is given again
        const make = (restore: unknown) => createCorrelator(all, { rulesById, allowedLatenessMs: 5 * MINUTE, restore })
        stage.replace(() => true, make)
        replaced++
      }
      if (next() < 0.1 && i < deliveries.length - 1) {
        stage.close()
        stage = await open(all, book, saved)
        i = (saved.upTo.get(0) ?? 0) - 1
        crashes++
      }
    }
    await stage.flush()
    stage.close()
    expect(await standing(book), `seed ${seed}`).toEqual(await standing(calm))
  }
  expect(crashes).toBeGreaterThan(20)
  expect(replaced).toBeGreaterThan(10)
}, 120_000)

const three = correlation('three', ['a'], { condition: { bounds: [{ op: 'gte', value: 3 }], fields: [] } })
const a = (id: string, minute: number) => match('a', id, T + minute * MINUTE, { 'source.ip': '10.0.0.1' })

test('an alert that only the lost run told is withdrawn, and its triage stays with the one that holds its events', async () => {
  const book = openAlertBook(await openDocuments({ path: ':memory:' }))
  const lost = await open([three], book)
  const saved = await checkpoint(lost)
  await lost.correlate([a('2', 1), a('3', 2), a('4', 3)], T + 3 * MINUTE, 0, 3)
  await lost.flush()
  lost.close()
  const [phantom] = (await book.list()).alerts
  await book.setStatus(phantom?.id as string, 'acknowledged', 'kim', T)

  // the bus gives it again together with an event that goes before
  const again = await open([three], book, saved)
  await again.correlate([a('2', 1), a('3', 2), a('4', 3), a('1', 0)], T + 3 * MINUTE, 0, 4)
  await again.flush()
  again.close()
  const { alerts } = await book.list()
  expect(alerts.map(({ count, state, status }) => ({ count, state, status }))).toEqual([
    { count: 4, state: 'changed', status: 'acknowledged' },
  ])
  expect((await book.get(phantom?.id as string))?.state).toBe('withdrawn')
})

test('nothing is set right before all that the lost run had is given again, whatever checkpoints come between', async () => {
  const book = openAlertBook(await openDocuments({ path: ':memory:' }))
  const lost = await open([three], book)
  let saved = await checkpoint(lost)
  await lost.correlate([a('1', 0), a('2', 1)], T + MINUTE, 0, 2)
  await lost.correlate([a('3', 2)], T + 2 * MINUTE, 0, 3)
  await lost.flush()
  lost.close()

  const half = await open([three], book, saved)
  await half.correlate([a('1', 0), a('2', 1)], T + MINUTE, 0, 2)
  await half.flush()
  saved = await checkpoint(half)
  half.close()
  expect((await book.list()).alerts.map(({ state }) => state)).toEqual(['raised'])
  expect(JSON.parse(saved.text).unreconciled).toBeDefined()

  const again = await open([three], book, saved)
  await again.correlate([a('3', 2)], T + 2 * MINUTE, 0, 3)
  await again.flush()
  expect((await book.list()).alerts.map(({ state, count }) => [state, count])).toEqual([['raised', 3]])
  expect(JSON.parse((await checkpoint(again)).text).unreconciled).toBeUndefined()
  again.close()
})

test('when nothing comes any more, who fell silent is told by the clock, also after a restart; not while the bus has more', async () => {
  const silent = correlation('silent', ['a'], { type: 'absence' })
  const book = openAlertBook(await openDocuments({ path: ':memory:' }))
  let end = 2
  const quiet = { now: () => T + 60 * MINUTE, ends: () => new Map([[0, { next: end }]]), idleMs: 5 }
  let looked = 0
  const now = () => {
    looked++
    return quiet.now()
  }
  const until = async (holds: () => boolean | Promise<boolean>) => {
    while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 2))
  }
  const stage = await open([silent], book, undefined, { ...quiet, now })
  await stage.correlate([a('1', 0)], T, 0, 1)
  await stage.flush()
  await until(() => looked > 5)
  expect((await book.list()).alerts).toEqual([])
  const saved = await checkpoint(stage)
  stage.close()
  end = 1
  const again = await open([silent], book, saved, quiet)
  await until(async () => (await book.list()).alerts.length > 0)
  await again.correlate([a('2', 5)], T + 5 * MINUTE, 0, 2) // it was only late: heard of at minute 5, silent since
  await again.flush()
  again.close()
  expect(
    (await book.list()).alerts.filter(({ state }) => state !== 'withdrawn').map(({ eventIds }) => eventIds),
  ).toEqual([['2']])
})
