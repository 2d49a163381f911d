// One run of the property behind docs/correlation.md: the same matches, shuffled within the allowed lateness, delivered
// twice, cut into other deliveries, with restarts from snapshots and replays, give the same bytes; and the oracle agrees.

import type { Alert, AlertChange, RuleMatch } from '../../core/detect.ts'
import { type CorrelatorOptions, createCorrelator, type WindowCorrelator } from '../correlator.ts'
import { createRouter, type Shard } from '../route.ts'
import { correlation, info, MINUTE, match, random } from './fixtures.ts'
import { type NaiveAlert, naiveAlerts } from './naive.ts'
import type { CorrelationSpec } from './spec.ts'

const LATENESS = 5 * MINUTE
const one = (ruleId: string) => ({ kind: 'rule', id: ruleId }) as const
const not = (ruleId: string) => ({ kind: 'not', of: one(ruleId) }) as const

/** One of each kind of window, over rules a, b and c. */
export const specs: readonly CorrelationSpec[] = [
  correlation('count', ['a'], { condition: { bounds: [{ op: 'gte', value: 3 }], fields: [] } }),
  correlation('count of two', ['a', 'b'], {
    groupBy: [],
    condition: { bounds: [{ op: 'gt', value: 4 }], fields: [] },
  }),
  correlation('range', ['a'], {
    condition: {
      bounds: [
        { op: 'gte', value: 2 },
        { op: 'lt', value: 4 },
      ],
      fields: [],
    },
  }),
  correlation('few', ['b'], { condition: { bounds: [{ op: 'lte', value: 1 }], fields: [] } }),
  correlation('values', ['a'], {
    type: 'value_count',
    condition: { bounds: [{ op: 'gte', value: 3 }], fields: ['user.name'] },
  }),
  correlation('sum', ['a', 'b'], {
    type: 'value_sum',
    condition: { bounds: [{ op: 'gt', value: 100 }], fields: ['bytes'] },
  }),
  correlation('average', ['a'], {
    type: 'value_avg',
    condition: { bounds: [{ op: 'gte', value: 50 }], fields: ['bytes'] },
  }),
  correlation('all', ['a', 'b', 'c'], { type: 'temporal' }),
  correlation('two of', ['a', 'b', 'c'], {
    type: 'temporal',
    condition: { bounds: [{ op: 'gte', value: 2 }], fields: [] },
  }),
  correlation('not c', ['a', 'b', 'c'], {
    type: 'temporal',
    condition: {
      bounds: [],
      fields: [],
      expression: { kind: 'and', of: [one('a'), one('b'), not('c')] },
    },
  }),
  correlation('a alone', ['a', 'b'], {
    type: 'temporal',
    timespanMs: 5 * MINUTE,
    condition: { bounds: [], fields: [], expression: { kind: 'and', of: [one('a'), not('b')] } },
  }),
  correlation('either', ['b', 'c'], {
    type: 'temporal',
    condition: {
      bounds: [],
      fields: [],
      expression: {
        kind: 'or',
        of: [
          { kind: 'and', of: [one('b'), not('c')] },
          { kind: 'and', of: [one('c'), not('b')] },
        ],
      },
    },
  }),
  correlation('order without c', ['a', 'b', 'c'], {
    type: 'temporal_ordered',
    condition: { bounds: [], fields: [], expression: { kind: 'and', of: [one('a'), one('b'), not('c')] } },
  }),
  correlation('order', ['a', 'b', 'c'], { type: 'temporal_ordered' }),
  correlation('alias', ['a', 'c'], {
    type: 'temporal_ordered',
    groupBy: ['who'],
    aliases: { who: { a: 'user.name', c: 'user.target.name' } },
  }),
  correlation('no answer', ['a', 'b'], { type: 'absence' }),
  correlation('silent', ['c'], { type: 'absence', timespanMs: 20 * MINUTE }),
  correlation('new user', ['a', 'b'], {
    type: 'first_seen',
    timespanMs: 20 * MINUTE,
    condition: { bounds: [], fields: ['user.name'] },
  }),
  correlation('patient', ['a'], {
    latenessMs: 3 * LATENESS,
    condition: { bounds: [{ op: 'eq', value: 2 }], fields: [] },
  }),
]

/** Correlations over correlations: for these only order is proved, the oracle does not know them. */
export const chains: readonly CorrelationSpec[] = [
  correlation('burst', ['a'], { condition: { bounds: [{ op: 'gte', value: 3 }], fields: [] }, alerts: false }),
  correlation('burst then b', ['burst', 'b'], { type: 'temporal_ordered' }),
  correlation('bursts', ['burst'], {
    groupBy: ['user.name'],
    timespanMs: 60 * MINUTE,
    condition: { bounds: [{ op: 'gte', value: 2 }], fields: [] },
  }),
  correlation('new user then c', ['new user', 'c'], { type: 'temporal_ordered', timespanMs: 15 * MINUTE }),
  correlation('after patience', ['patient', 'b'], { type: 'temporal', timespanMs: 30 * MINUTE }),
  correlation('a alone then c', ['a alone', 'c'], { type: 'temporal', timespanMs: 30 * MINUTE }),
  correlation('b without a burst', ['b', 'burst'], {
    type: 'temporal',
    condition: { bounds: [], fields: [], expression: { kind: 'and', of: [one('b'), not('burst')] } },
  }),
  correlation('silence then c', ['no answer', 'c'], { type: 'temporal', timespanMs: 30 * MINUTE }),
]

const rulesById = new Map(['a', 'b', 'c'].map((id) => [id, info(id)]))

export function makeMatches(seed: number, count = 100): RuleMatch[] {
  const next = random(seed)
  const pick = <T>(values: readonly T[]) => values[Math.floor(next() * values.length)] as T
  const matches: RuleMatch[] = []
  for (let i = 0; i < count; i++) {
    const t = 1_800_000_000_000 + Math.floor(next() * 25 * 6) * (next() < 0.5 ? MINUTE : 10_000)
    const user = pick(['kim', 'lee', 'park', 'choi'])
    const fields = {
      'source.ip': pick(['10.0.0.1', '10.0.0.2', '10.0.0.3']),
      'user.name': user,
      'user.target.name': user,
      bytes: Math.floor(next() * 80),
    }
    matches.push(match(pick(['a', 'a', 'b', 'c']), `e${i}`, t, fields))
    if (next() < 0.1) matches.push({ ...(matches.at(-1) as RuleMatch), ruleId: pick(['a', 'b', 'c']) })
  }
  return matches
}

interface Delivery {
  readonly matches: readonly RuleMatch[]
  readonly watermark: number
}

/** Late by up to the allowed lateness, some twice, in deliveries of any size. */
export function deliver(seed: number, matches: readonly RuleMatch[]): Delivery[] {
  const next = random(seed)
  const arrivals = matches.flatMap((one) => {
    const at = one.timestamp + next() * LATENESS
    return next() < 0.15
      ? [
          { one, at },
          { one, at: at + next() * 10 * LATENESS },
        ]
      : [{ one, at }]
  })
  arrivals.sort((a, b) => a.at - b.at)
  const deliveries: Delivery[] = []
  let watermark = Number.NEGATIVE_INFINITY
  for (let i = 0; i < arrivals.length; ) {
    const some = arrivals.slice(i, i + 1 + Math.floor(next() * next() * 20)).map(({ one }) => one)
    i += some.length
    watermark = Math.max(watermark, ...some.map(({ timestamp }) => timestamp))
    deliveries.push({ matches: some, watermark })
  }
  return deliveries
}

/** What alerts are kept in: a revision that is not newer changes nothing. */
function keep(changes: readonly AlertChange[], book: Map<string, AlertChange>): void {
  for (const change of changes) {
    const known = book.get(change.alert.id)
    if (!known || change.revision > known.revision) book.set(change.alert.id, change)
  }
}

/**
 * Runs deliveries to the end; with `restarts`, stops now and then and goes on from an older snapshot, as after a crash: what
 * came since is given again in other portions, then the book is set right. Now and then what comes is anticipated, wrongly.
 */
export function run(
  deliveries: readonly Delivery[],
  all: readonly CorrelationSpec[],
  restarts?: number,
  shard?: Shard,
): string[] {
  const next = random(restarts ?? 0)
  const options: CorrelatorOptions = { rulesById, allowedLatenessMs: LATENESS, ...(shard ? { shard } : {}) }
  let correlator: WindowCorrelator = createCorrelator(all, options)
  const book = new Map<string, AlertChange>()
  let saved = { at: 0, text: JSON.stringify(correlator.snapshot()) }
  for (let i = 0; i < deliveries.length; i++) {
    const { matches, watermark } = deliveries[i] as Delivery
    keep(correlator.push(matches, watermark), book)
    if (restarts === undefined) continue
    if (next() < 0.1) keep(correlator.anticipate(watermark + next() * 30 * MINUTE), book)
    if (next() < 0.1) saved = { at: i + 1, text: JSON.stringify(correlator.snapshot()) }
    if (next() < 0.05) {
      correlator = createCorrelator(all, { ...options, restore: JSON.parse(saved.text) })
      for (let at = saved.at; at <= i; ) {
        const some = deliveries.slice(at, Math.min(i + 1, at + 1 + Math.floor(next() * 6)))
        at += some.length
        const to = Math.max(...some.map(({ watermark: reached }) => reached))
        keep(
          correlator.push(
            some.flatMap((one) => one.matches),
            to,
          ),
          book,
        )
      }
      keep(
        correlator.reconcile([...book.values()].filter(({ alert }) => alert.lastSeen >= correlator.unsettledSince)),
        book,
      )
    }
  }
  keep(correlator.finish(), book)
  return [...book.values()].flatMap(({ alert, state }) => (state === 'withdrawn' ? [] : [JSON.stringify(alert)])).sort()
}

/** The same on several correlators, each given what is routed to it, stopped and started again on its own. */
export function runSharded(
  deliveries: readonly Delivery[],
  all: readonly CorrelationSpec[],
  seed: number,
  count: number,
): string[] {
  const route = createRouter(all, (ruleId) => rulesById.get(ruleId)?.alerts !== false, count)
  const parts = Array.from({ length: count }, (_, index) => {
    const own = deliveries.map(({ matches, watermark }) => ({
      matches: matches.filter((one) => route(one).includes(index)),
      watermark,
    }))
    return run(own, all, seed * count + index, { index, count })
  })
  return parts.flat().sort()
}

export interface Proof {
  readonly inOrder: readonly string[]
  /** Shuffled; the last one on two or three correlators. */
  readonly disordered: readonly (readonly string[])[]
  readonly oracle: readonly string[]
  /** What the oracle is compared with. */
  readonly ours: readonly string[]
}

export function prove(seed: number): Proof {
  const matches = makeMatches(seed)
  const all = [...specs, ...chains]
  const sorted = [...matches].sort((a, b) => a.timestamp - b.timestamp)
  const inOrder = run(
    sorted.map((one) => ({ matches: [one], watermark: one.timestamp })),
    all,
  )
  const disordered = [1, 2, 3].map((n) => run(deliver(seed * 7 + n, matches), all, n === 1 ? undefined : seed + n))
  const count = 2 + (seed % 2)
  disordered.push(runSharded(deliver(seed * 7 + 4, matches), all, seed, count))
  const chained = new Set(chains.map(({ id }) => id))
  const ours = inOrder.flatMap((text) => {
    const alert = JSON.parse(text) as Alert
    return chained.has(alert.ruleId) ? [] : [asNaive(alert)]
  })
  const oracle = specs.flatMap((spec) => naiveAlerts(spec, matches).map((alert) => JSON.stringify(alert)))
  return { inOrder, disordered, ours: ours.sort(), oracle: oracle.sort() }
}

function asNaive({ ruleId, group, firstSeen, lastSeen, count, digest }: Alert): string {
  const naive: NaiveAlert = { ruleId, group: JSON.stringify(Object.values(group)), firstSeen, lastSeen, count, digest }
  return JSON.stringify(naive)
}
