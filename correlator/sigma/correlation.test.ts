import { expect, test } from 'vitest'
import { compileDetector } from './engine.ts'
import { parseRules } from './load.ts'
import { groupField } from './types.ts'

const rule = (name: string, logsource = 'product: test') =>
  `title: ${name}\nid: ${name}-id\nname: ${name}\nlogsource: { ${logsource} }\ndetection:\n  s: { f: ${name} }\n  condition: s\n`
const correlation = (body: string, name = 'corr') =>
  `title: ${name}\nid: ${name}-id\nname: ${name}\ncorrelation:\n  ${body.trim().replaceAll('\n', '\n  ')}\n`
const load = (...documents: string[]) => parseRules(documents.join('---\n'), 'x.yml')
const count = 'type: event_count\nrules: [one]\ngroup-by: [user]\ntimespan: 5m\ncondition: { gte: 3 }'

test('references by name and by id are resolved, rules fall silent, fields are asked for', () => {
  const loaded = load(rule('one'), correlation(count))
  expect(loaded.refused).toEqual([])
  expect(loaded.correlations[0]).toMatchObject({
    id: 'corr-id',
    type: 'event_count',
    rules: [{ ref: 'one', id: 'one-id', kind: 'rule' }],
    groupBy: ['user'],
    timespanMs: 300_000,
    condition: { bounds: [{ op: 'gte', value: 3 }], fields: [] },
    generate: false,
    alerts: true,
  })
  expect(loaded.rules[0]).toMatchObject({ alerts: false, fieldsForCorrelations: ['user'] })
})

test('with generate the rules alert too, for all correlations that use them', () => {
  const other = correlation(count, 'other')
  const loaded = load(rule('one'), correlation(`${count}\ngenerate: true`), other)
  expect(loaded.rules[0]?.alerts).toBe(true)
})

test.each([
  [
    'a range',
    '{ gt: 100, lte: 200 }',
    [
      { op: 'gt', value: 100 },
      { op: 'lte', value: 200 },
    ],
  ],
  ['equal', '{ eq: 1 }', [{ op: 'eq', value: 1 }]],
  ['not equal', '{ neq: 1 }', [{ op: 'neq', value: 1 }]],
  ['less', '{ lt: 2.5 }', [{ op: 'lt', value: 2.5 }]],
])('a condition may be %s', (_why, condition, bounds) => {
  const loaded = load(rule('one'), correlation(count.replace('{ gte: 3 }', condition)))
  expect(loaded.correlations[0]?.condition.bounds).toEqual(bounds)
})

test.each([
  ['30s', 30_000],
  ['1h', 3_600_000],
  ['7d', 604_800_000],
  ['2w', 1_209_600_000],
])('timespan %s', (written, ms) => {
  const loaded = load(rule('one'), correlation(count.replace('5m', written)))
  expect(loaded.correlations[0]?.timespanMs).toBe(ms)
})

test('value types take fields; a percentile that is not given is the median, and that is said', () => {
  const value = (type: string, condition: string) =>
    load(
      rule('one'),
      correlation(`type: ${type}\nrules: [one]\ngroup-by: [user]\ntimespan: 1h\ncondition: ${condition}`),
    )
  expect(value('value_count', '{ field: [a, b], gte: 3 }').correlations[0]?.condition.fields).toEqual(['a', 'b'])
  expect(value('value_sum', '{ field: bytes, gt: 10 }').rules[0]?.fieldsForCorrelations).toEqual(['bytes', 'user'])
  expect(value('value_percentile', '{ field: a, percentile: 99, gt: 1 }').correlations[0]?.condition.percentile).toBe(
    99,
  )
  const median = value('value_percentile', '{ field: a, lte: 1 }')
  expect(median.correlations[0]?.condition.percentile).toBe(50)
  expect(median.notes.map(({ text }) => text).join()).toContain('percentile')
  expect(value('value_median', '{ field: a, lte: 1 }').correlations[0]).toMatchObject({
    type: 'value_percentile',
    condition: { percentile: 50 },
  })
})

test('a temporal condition may be a text over rules', () => {
  const loaded = load(
    rule('one'),
    rule('two'),
    correlation('type: temporal\nrules: [one, two]\ngroup-by: [user]\ntimespan: 1m\ncondition: one and not two'),
  )
  expect(loaded.correlations[0]?.condition.expression).toEqual({
    kind: 'and',
    of: [
      { kind: 'rule', id: 'one-id' },
      { kind: 'not', of: { kind: 'rule', id: 'two-id' } },
    ],
  })
})

test('aliases name another field for each rule, and reach the rules', () => {
  const loaded = load(
    rule('one'),
    rule('two'),
    correlation(
      'type: temporal\nrules: [one, two]\ngroup-by: [ip, host]\ntimespan: 1m\naliases:\n  ip:\n    one: source.ip\n    two: destination.ip',
    ),
  )
  const [found] = loaded.correlations
  expect(found && groupField(found, 'one-id', 'ip')).toBe('source.ip')
  expect(found && groupField(found, 'two-id', 'ip')).toBe('destination.ip')
  expect(found && groupField(found, 'two-id', 'host')).toBe('host')
  expect(loaded.rules.map(({ fieldsForCorrelations }) => fieldsForCorrelations)).toEqual([
    ['host', 'source.ip'],
    ['destination.ip', 'host'],
  ])
})

test('correlations stand on correlations; the rules below carry the fields of all', () => {
  const outer = 'type: temporal_ordered\nrules: [corr, two]\ngroup-by: [host]\ntimespan: 1h'
  const loaded = load(correlation(outer, 'outer'), correlation(count), rule('one'), rule('two'))
  expect(loaded.refused).toEqual([])
  expect(loaded.correlations.map(({ id, alerts }) => [id, alerts])).toEqual([
    ['outer-id', true],
    ['corr-id', false],
  ])
  expect(loaded.rules[0]?.fieldsForCorrelations).toEqual(['host', 'user'])
})

test('a match carries the values correlations need, under the names they use', () => {
  const loaded = load(
    rule('one', 'product: windows'),
    correlation(count.replace('[user]', '[DestinationIp, user.name, nothing]')),
  )
  const match = compileDetector(loaded, { logsource: 'open' }).detect(
    { f: 'one', destination: { ip: ['10.0.0.1', '10.0.0.2'] }, user: { name: 'kim' } },
    'e1',
    5,
    0,
    7,
  )[0]
  expect(match).toEqual({
    ruleId: 'one-id',
    ruleVersion: loaded.rules[0]?.version,
    eventId: 'e1',
    timestamp: 5,
    partition: 0,
    offset: 7,
    why: [{ selection: 's', field: 'f', value: 'one' }],
    fields: { DestinationIp: ['10.0.0.1', '10.0.0.2'], 'user.name': 'kim' },
    entities: { 'user.name': 'kim', 'destination.ip': '10.0.0.1' },
  })
})

test('first_seen names the field whose values are new; lateness stands beside the time span', () => {
  const text =
    'type: first_seen\nrules: [one]\ngroup-by: [user]\ntimespan: 30d\nlateness: 1h\ncondition: { field: city }'
  const loaded = load(rule('one'), correlation(text), correlation(text.replace('1h', '2h'), 'other'))
  expect(loaded.refused).toEqual([])
  expect(loaded.correlations[0]).toMatchObject({
    type: 'first_seen',
    timespanMs: 30 * 86_400_000,
    latenessMs: 3_600_000,
    condition: { bounds: [], fields: ['city'] },
  })
  expect(loaded.rules[0]?.fieldsForCorrelations).toEqual(['city', 'user'])
  const [one, other] = loaded.correlations
  expect(one?.version).not.toBe(other?.version) // what it counts is part of what it means
})

test('absence names what comes and what must follow', () => {
  const loaded = load(rule('one'), rule('two'), correlation('type: absence\nrules: [one, two]\ntimespan: 1h'))
  expect(loaded.correlations[0]).toMatchObject({
    type: 'absence',
    groupBy: [],
    rules: [{ id: 'one-id' }, { id: 'two-id' }],
  })
})

test.each([
  ['an unknown rule', count.replace('[one]', '[nobody]'), `no rule with the id or name 'nobody'`],
  ['no rules', count.replace('[one]', '[]'), 'at least one rule'],
  ['a rule twice', count.replace('[one]', '[one, one]'), 'named twice'],
  ['an unknown type', count.replace('event_count', 'event_sum'), `type 'event_sum'`],
  ['no timespan', count.replace('timespan: 5m\n', ''), 'timespan'],
  ['a timespan that is none', count.replace('5m', 'soon'), `timespan 'soon'`],
  ['a timespan of nothing', count.replace('5m', '0s'), `timespan '0s'`],
  ['no condition', count.replace('\ncondition: { gte: 3 }', ''), 'wants a condition'],
  ['a condition that compares nothing', count.replace('{ gte: 3 }', '{}'), 'compares nothing'],
  ['a text for a count', count.replace('{ gte: 3 }', 'one'), 'only temporal types'],
  ['a word for a number', count.replace('{ gte: 3 }', '{ gte: many }'), 'wants a number'],
  ['an unknown comparison', count.replace('{ gte: 3 }', '{ above: 3 }'), `no 'above'`],
  ['a field on event_count', count.replace('{ gte: 3 }', '{ gte: 3, field: a }'), `takes no 'field'`],
  ['value_count without a field', count.replace('event_count', 'value_count'), `wants a 'field'`],
  ['an unknown key', `${count}\nwindow: session`, `no 'window'`],
  ['generate that is a word', `${count}\ngenerate: maybe`, 'true or false'],
  ['an alias for a rule that is not there', `${count}\naliases: { ip: { two: source.ip } }`, 'not among the rules'],
  ['itself', count.replace('[one]', '[corr]'), 'refers to itself'],
  [
    'a bound on first_seen',
    'type: first_seen\nrules: [one]\ntimespan: 5m\ncondition: { field: a, gt: 1 }',
    'compares nothing',
  ],
  ['first_seen of nothing', 'type: first_seen\nrules: [one]\ntimespan: 5m\ncondition: {}', "wants a 'field'"],
  ['first_seen without condition', 'type: first_seen\nrules: [one]\ntimespan: 5m', 'wants a condition'],
  ['a lateness that is none', `${count}\nlateness: soon`, "lateness 'soon'"],
  ['a lateness beyond what is kept', `${count}\nlateness: 8d`, 'at most 7d'],
  ['a condition on absence', count.replace('event_count', 'absence'), 'takes no condition'],
])('refused: %s', (_why, body, reason) => {
  const loaded = load(rule('one'), correlation(body))
  expect(loaded.correlations).toEqual([])
  expect(loaded.refused[0]?.reason).toContain(reason)
  expect(loaded.rules[0]?.alerts).toBe(true)
})

test('a correlation over a refused one is refused, and says so', () => {
  const outer = correlation('type: temporal\nrules: [corr, one]\ntimespan: 1h', 'outer')
  const loaded = load(rule('one'), outer, correlation(count.replace('[one]', '[nobody]')))
  expect(loaded.correlations).toEqual([])
  expect(loaded.refused.map(({ reason }) => reason).join()).toContain(`correlation 'corr' was refused`)
})
