// The fourteen questions of the store benchmark: for ours as data, for VictoriaLogs in LogsQL. Same meaning, same answers;
// `count` is what both have to agree on.

import { type Filter, matchAll, type TimeRange } from '../core/query.ts'
import type { Aggregation, EventStore } from '../core/store.ts'
import { corpusStartMs, corpusStepMs, rareWord } from './store-corpus.ts'

export interface Question {
  readonly name: string
  readonly what: string
  /** @returns a figure of the answer: hits, groups, or a count */
  ours(store: EventStore): Promise<number>
  readonly logsql: string
  /** For a page of hits. */
  readonly limit?: number
  /** Answers are lines of which only the number counts, or one row with the count in the field `n`. */
  readonly answer: 'lines' | 'n'
}

export function questionsFor(events: number): Question[] {
  const end = corpusStartMs + events * corpusStepMs
  const all: TimeRange = { since: corpusStartMs, until: end }
  const hour: TimeRange = { since: end - 3_600_000, until: end - 3_600_000 + 3_600_000 }
  const recent: TimeRange = { since: end - 20_000, until: end }
  const equals = (field: string, value: string): Filter => ({ kind: 'equals', field, value })
  const failure = equals('event.outcome', 'failure')
  const word = (value: string) => equals('message', value)
  const adm: Filter = { kind: 'wildcard', field: 'user.name', pattern: 'adm*' }
  const within = ({ since, until }: TimeRange) =>
    `_time:[${new Date(since).toISOString()}, ${new Date(until).toISOString()})`
  const page =
    (filter: Filter, range = all, limit = 100, order: 'asc' | 'desc' = 'desc') =>
    async (store: EventStore) =>
      (await store.search({ filter, range, limit, order })).hits.length
  const aggregate =
    (
      filter: Filter,
      aggregation: Aggregation,
      size: (result: Awaited<ReturnType<EventStore['aggregate']>>) => number,
    ) =>
    async (store: EventStore) =>
      size(await store.aggregate({ filter, range: all, aggregation }))
  const lines = { answer: 'lines', limit: 100 } as const
  const span = within(all)
  return [
    {
      name: 'Q1',
      what: 'last 100 with event.outcome=failure',
      ours: page(failure),
      logsql: `${span} event.outcome:=failure`,
      ...lines,
    },
    {
      name: 'Q2',
      what: 'rare word',
      ours: page(word(rareWord), all, 1000),
      logsql: `${span} _msg:${rareWord}`,
      answer: 'lines',
      limit: 1000,
    },
    {
      name: 'Q3',
      what: 'count of a common word',
      ours: aggregate(word('failed'), { kind: 'count' }, ({ total }) => total),
      logsql: `${span} _msg:i(failed) | stats count() n`,
      answer: 'n',
    },
    { name: 'Q3b', what: 'last 100 of it', ours: page(word('failed')), logsql: `${span} _msg:i(failed)`, ...lines },
    {
      name: 'Q4a',
      what: 'last 100 with a phrase',
      ours: page(word('password for user7')),
      logsql: `${span} _msg:"password for user7"`,
      ...lines,
    },
    {
      name: 'Q4b',
      what: 'rare substring',
      ours: page({ kind: 'regex', field: 'event.original', source: 'irconiu', ignoreCase: false }, all, 1000),
      logsql: `${span} event.original:~irconiu`,
      answer: 'lines',
      limit: 1000,
    },
    {
      name: 'Q5',
      what: 'per minute, filtered',
      ours: aggregate(failure, { kind: 'histogram', intervalMs: 60_000 }, ({ buckets }) => buckets?.length ?? 0),
      logsql: `${span} event.outcome:=failure | stats by (_time:1m) count() n`,
      answer: 'lines',
    },
    {
      name: 'Q6',
      what: 'top 10 user.name of a network',
      ours: aggregate(
        { kind: 'cidr', field: 'source.ip', cidr: '10.1.0.0/16' },
        { kind: 'terms', field: 'user.name', size: 10 },
        ({ values }) => values?.length ?? 0,
      ),
      logsql: `${span} source.ip:ipv4_range("10.1.0.0/16") user.name:* | stats by (user.name) count() n | sort by (n desc) limit 10`,
      answer: 'lines',
    },
    {
      name: 'Q7',
      what: 'distinct source.ip per user over everything',
      ours: aggregate(
        matchAll,
        {
          kind: 'stats',
          of: [{ name: 'dc', field: 'source.ip', as: 'n' }],
          by: [{ kind: 'field', field: 'user.name' }],
          limit: 1000,
          whole: true,
        },
        ({ rows }) => rows?.length ?? 0,
      ),
      logsql: `${span} user.name:* | stats by (user.name) count_uniq(source.ip) n`,
      answer: 'lines',
    },
    {
      name: 'Q8',
      what: 'by id',
      ours: async (store) => ((await store.get(`0-${Math.floor(events / 20) * 10}`)) ? 1 : 0),
      logsql: `bench_id:="0-${Math.floor(events / 20) * 10}"`,
      answer: 'lines',
      limit: 1,
    },
    {
      name: 'Q9',
      what: 'count user.name:adm*',
      ours: aggregate(adm, { kind: 'count' }, ({ total }) => total),
      logsql: `${span} user.name:="adm"* | stats count() n`,
      answer: 'n',
    },
    { name: 'Q9b', what: 'last 100 of it', ours: page(adm), logsql: `${span} user.name:="adm"*`, ...lines },
    {
      name: 'Q10',
      what: 'the last 20 s, oldest first',
      ours: page(failure, recent, 1000, 'asc'),
      logsql: `${within(recent)} event.outcome:=failure | sort by (_time) limit 1000`,
      answer: 'lines',
    },
    {
      name: 'Q11',
      what: 'last 100 by two fields in one hour',
      ours: page({ kind: 'and', of: [failure, equals('user.name', 'user7')] }, hour),
      logsql: `${within(hour)} event.outcome:=failure user.name:=user7`,
      ...lines,
    },
  ]
}
