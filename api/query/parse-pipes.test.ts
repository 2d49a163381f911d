import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isPipelineError } from '../../core/errors.ts'
import {
  type Expression,
  functionNames,
  type GroupKey,
  keyName,
  type Measure,
  measureNames,
  type Pipe,
} from '../../core/query.ts'
import { formatQuery } from './format-query.ts'
import { parseQuery } from './parse-query.ts'

const pipesOf = (line: string) => parseQuery(line).pipes

describe('stages', () => {
  test.each<[string, readonly Pipe[]]>([
    ['| head', [{ kind: 'head', count: 10 }]],
    ['a | head 5', [{ kind: 'head', count: 5 }]],
    ['a|limit 5', [{ kind: 'head', count: 5 }]],
    ['| stats count', [{ kind: 'stats', of: [{ name: 'count', as: 'count' }], by: [] }]],
    [
      '* | stats count(), dc(user.name) as users by source.ip, bin(5m)',
      [
        {
          kind: 'stats',
          of: [
            { name: 'count', as: 'count' },
            { name: 'dc', field: 'user.name', as: 'users' },
          ],
          by: [
            { kind: 'field', field: 'source.ip' },
            { kind: 'bin', intervalMs: 300_000 },
          ],
        },
      ],
    ],
    [
      '| stats p95(event.duration) by host.name | sort -p95(event.duration), host.name asc | head 3',
      [
        {
          kind: 'stats',
          of: [{ name: 'p95', field: 'event.duration', as: 'p95(event.duration)' }],
          by: [{ kind: 'field', field: 'host.name' }],
        },
        {
          kind: 'sort',
          by: [
            { column: 'p95(event.duration)', descending: true },
            { column: 'host.name', descending: false },
          ],
        },
        { kind: 'head', count: 3 },
      ],
    ],
    ['| top 3 user.name', [{ kind: 'top', count: 3, fields: ['user.name'] }]],
    ['| rare by user.name, host.name', [{ kind: 'rare', count: 10, fields: ['user.name', 'host.name'] }]],
    ['| fields `a-b`, c-d, "e f"', [{ kind: 'fields', columns: ['a-b', 'c-d', 'e f'] }]],
    ['| timechart', [{ kind: 'timechart', of: [{ name: 'count', as: 'count' }] }]],
    [
      '| timechart 1h avg(x) by h',
      [{ kind: 'timechart', intervalMs: 3_600_000, of: [{ name: 'avg', field: 'x', as: 'avg(x)' }], by: 'h' }],
    ],
    ['| patterns', [{ kind: 'patterns', count: 100 }]],
    ['| context 3', [{ kind: 'context', count: 3 }]],
    ['| dedup user.name', [{ kind: 'dedup', columns: ['user.name'] }]],
    [
      '| where a in (1, "x")',
      [
        {
          kind: 'where',
          condition: {
            kind: 'or',
            of: [
              { kind: 'compare', op: '=', left: column('a'), right: literal(1) },
              { kind: 'compare', op: '=', left: column('a'), right: literal('x') },
            ],
          },
        },
      ],
    ],
    [
      '| eval mb = network.bytes / 1024 / 1024, big = mb > 10',
      [
        {
          kind: 'eval',
          column: 'mb',
          value: math('/', math('/', column('network.bytes'), literal(1024)), literal(1024)),
        },
        {
          kind: 'eval',
          column: 'big',
          value: { kind: 'compare', op: '>', left: column('mb'), right: literal(10) },
        },
      ],
    ],
    ['"a | b" | head 1', [{ kind: 'head', count: 1 }]],
    [
      '| eval x = "a | b" | head 1',
      [
        { kind: 'eval', column: 'x', value: literal('a | b') },
        { kind: 'head', count: 1 },
      ],
    ],
  ])('%s', (line, pipes) => expect(pipesOf(line)).toEqual(pipes))
})

function column(name: string): Expression {
  return { kind: 'column', name }
}
function literal(value: string | number): Expression {
  return { kind: 'literal', value }
}
function math(op: '/', left: Expression, right: Expression): Expression {
  return { kind: 'math', op, left, right }
}

describe('mistakes name their column, what was expected and what was meant', () => {
  test.each([
    ['a |', 4, 'expected a stage'],
    ['a | ', 5, 'expected a stage'],
    ['a | b', 5, 'there is no stage b'],
    ['a | stat count()', 5, 'did you mean stats?'],
    ['a | stats', 10, 'expected a figure'],
    ['a | stats cout()', 11, 'did you mean count?'],
    ['a | stats avg()', 11, 'avg of which field?'],
    ['a | stats avg', 14, "expected '(' and a field after avg"],
    ['a | stats count() by', 21, 'expected a field to group by'],
    ['a | stats count() by bin(5x)', 26, 'an interval such as 5m'],
    ['a | stats count() x', 19, "expected '|' or the end, found 'x'"],
    ['a | stats count(), count()', 27, 'two columns are called count'],
    ['a | stats count() by user.name | sort -cuont', 40, 'did you mean count?'],
    ['a | stats count() by user.name | where host.name = "x"', 40, 'there is no column host.name here'],
    ['a | head -1', 10, "expected '|' or the end"],
    ['a | head 1.5', 10, 'whole number'],
    ['a | head 9999999', 10, 'whole number from 0'],
    ['a | top 0 x', 9, 'whole number from 1'],
    ['a | where', 10, 'expected a value'],
    ['a | where x:1', 12, "compared with '='"],
    ['a | where (x = 1', 11, 'never closed'],
    ['a | where x = ', 15, 'expected a value'],
    ['a | where lenn(x) = 1', 11, 'did you mean len?'],
    ['a | where len(x, y) = 1', 11, 'len takes 1 argument, here are 2'],
    ['a | where 1 < x < 3', 13, 'do not chain'],
    ['a | eval x', 11, "expected '=' after x"],
    ['a | eval `x = 1', 10, 'never closed'],
    ['a | eval __proto__ = 1', 10, 'no name for a column'],
    ['a | stats count() | context 5', 21, 'works on events'],
    ['a | stats count() | patterns', 21, 'works on events'],
    ['a | where x = "y', 15, 'never closed'],
    ['a | fields x, x', 5, 'named twice'],
  ])('%s', (line, at, words) => {
    let thrown: unknown
    try {
      parseQuery(line)
    } catch (error) {
      thrown = error
    }
    if (!isPipelineError(thrown, 'QUERY_INVALID')) throw thrown ?? new Error('was accepted')
    expect(thrown.message).toContain(words)
    expect(thrown.params.column).toBe(at)
  })

  test('a field that no event has is a slip in a stage too, in backticks it is taken', () => {
    const knownFields = new Set(['user.name', 'host.name'])
    expect(() => parseQuery('| top usr.name', { knownFields })).toThrow('did you mean user.name?')
    expect(parseQuery('| top `usr.name`', { knownFields }).fields).toEqual(new Set(['usr.name']))
  })

  test('nesting and length are bounded', () => {
    expect(() => parseQuery(`| where ${'('.repeat(500)}1${')'.repeat(500)}`)).toThrow('nested more than')
    expect(() => parseQuery(`| where ${'not '.repeat(500)}x`)).toThrow('nested more than')
    expect(() => parseQuery(`| where ${'-('.repeat(70)}1${')'.repeat(70)} = 1`)).toThrow('nested more than')
    expect(() => parseQuery('| head 1 '.repeat(60))).toThrow('more than 50 stages')
    expect(() => parseQuery(`| where x = 1${' + 1'.repeat(600)}`)).toThrow('more than 500 parts')
  })
})

// Pipes as the parser may make them: names that are there, no name twice.
const name = fc.oneof(
  fc.constantFrom(
    'user.name',
    'source.ip',
    '@timestamp',
    'a-b',
    'count',
    'by',
    'null',
    'dc',
    '한글',
    'x y',
    '`',
    '\\',
    'p95',
  ),
  fc.string({ minLength: 1, maxLength: 8 }),
)
const scalar = fc.oneof(
  fc.string({ maxLength: 6 }),
  fc.boolean(),
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => (n === 0 ? 0 : n)),
)
const binary = (op: fc.Arbitrary<string>, kind: string) => (tie: (key: string) => fc.Arbitrary<unknown>) =>
  fc.record({ kind: fc.constant(kind), op, left: tie('any'), right: tie('any') })
const { any: expression } = fc.letrec((tie) => ({
  any: fc.oneof(
    { maxDepth: 4 },
    fc.record({ kind: fc.constant('literal'), value: fc.option(scalar) }),
    fc.record({ kind: fc.constant('column'), name }),
    fc.record({ kind: fc.constantFrom('not', 'negate'), of: tie('any') }),
    fc
      .constantFrom('lower', 'len', 'abs', 'floor')
      .chain((call) => fc.record({ kind: fc.constant('call'), name: fc.constant(call), args: fc.tuple(tie('any')) })),
    binary(fc.constantFrom('=', '!=', '<', '<=', '>', '>='), 'compare')(tie),
    binary(fc.constantFrom('+', '-', '*', '/', '%'), 'math')(tie),
    fc.constantFrom('and', 'or').chain((kind) =>
      fc.record({
        kind: fc.constant(kind),
        of: fc
          .array(tie('any'), { minLength: 2, maxLength: 3 })
          .map((of) =>
            of.flatMap((one) => ((one as Expression).kind === kind ? (one as unknown as { of: unknown[] }).of : [one])),
          ),
      }),
    ),
  ),
})) as { any: fc.Arbitrary<Expression> }
const measure: fc.Arbitrary<Measure> = fc
  .record({ measure: fc.constantFrom(...measureNames), field: fc.option(name), as: fc.option(name) })
  .map(({ measure, field, as }) => {
    const of = measure === 'count' ? field : (field ?? 'x')
    const own = of === null ? measure : `${measure}(${of})`
    return { name: measure, ...(of !== null && { field: of }), as: as ?? own }
  })
const key: fc.Arbitrary<GroupKey> = fc.oneof(
  name.map((field) => ({ kind: 'field' as const, field })),
  fc.integer({ min: 1, max: 1e9 }).map((intervalMs) => ({ kind: 'bin' as const, intervalMs })),
  name.map((field) => ({ kind: 'pattern' as const, field })),
)
const eventPipe: fc.Arbitrary<Pipe> = fc.oneof(
  fc.record({ kind: fc.constant('head' as const), count: fc.nat(1000) }),
  fc.record({ kind: fc.constant('context' as const), count: fc.integer({ min: 1, max: 50 }) }),
  fc.record({ kind: fc.constant('where' as const), condition: expression }),
  fc.record({ kind: fc.constant('eval' as const), column: name, value: expression }),
  fc.record({ kind: fc.constant('dedup' as const), columns: fc.array(name, { minLength: 1, maxLength: 3 }) }),
  fc.record({
    kind: fc.constant('sort' as const),
    by: fc.array(fc.record({ column: name, descending: fc.boolean() }), { minLength: 1, maxLength: 3 }),
  }),
)
const unique = (columns: readonly string[]) => new Set(columns).size === columns.length
const lastPipe: fc.Arbitrary<Pipe> = fc.oneof(
  fc
    .record({
      kind: fc.constant('stats' as const),
      of: fc.array(measure, { minLength: 1, maxLength: 3 }),
      by: fc.array(key, { maxLength: 3 }),
    })
    .filter(({ of, by }) => unique([...of.map((one) => one.as), ...by.map(keyName)])),
  fc.record({ kind: fc.constant('fields' as const), columns: fc.uniqueArray(name, { minLength: 1, maxLength: 3 }) }),
  fc
    .record({
      kind: fc.constantFrom('top' as const, 'rare' as const),
      count: fc.integer({ min: 1, max: 99 }),
      fields: fc.uniqueArray(name, { minLength: 1, maxLength: 3 }),
    })
    .filter(({ fields }) => unique([...fields, 'count', 'percent'])),
  fc.record({ kind: fc.constant('patterns' as const), count: fc.integer({ min: 1, max: 99 }) }),
)
const usable = (pipes: readonly Pipe[]) =>
  !JSON.stringify(pipes).includes('__proto__') && pipes.every((pipe) => pipe.kind !== 'eval' || pipe.column !== '')

test('what is printed reads back as the same stages, for any stages', () => {
  const pipes = fc.tuple(fc.array(eventPipe, { maxLength: 4 }), lastPipe).map(([first, last]) => [...first, last])
  fc.assert(
    fc.property(pipes.filter(usable), (given) => {
      expect(pipesOf(formatQuery({ kind: 'all' }, given))).toEqual(given)
    }),
    { interruptAfterTimeLimit: 2000, numRuns: 2000 },
  )
})

test('any line is stages or QUERY_INVALID with a column inside the line, and stages print and read back', () => {
  const piece = fc.constantFrom(
    ...['|', 'stats', 'count', '()', 'by', 'bin(5m)', 'where', 'eval', '=', '"x"', '`', '(', ')', ',', '-', '1', 'x.y'],
    ...['sort', 'head', 'top', 'not', 'and', 'or', '<', 'as', '*', '/', '%', 'timechart', 'fields', 'in', '!', ' '],
    ...functionNames,
  )
  const line = fc.oneof(
    fc.array(piece, { maxLength: 14 }).map((pieces) => `| ${pieces.join(' ')}`),
    fc.string({ unit: 'grapheme', maxLength: 40 }).map((text) => `|${text}`),
  )
  fc.assert(
    fc.property(line, (text) => {
      let pipes: readonly Pipe[]
      try {
        pipes = pipesOf(text)
      } catch (error) {
        if (!isPipelineError(error, 'QUERY_INVALID')) throw error
        expect(error.params.column).toBeGreaterThan(0)
        expect(error.params.column).toBeLessThanOrEqual(text.length + 1)
        return
      }
      expect(pipesOf(formatQuery({ kind: 'all' }, pipes))).toEqual(pipes)
    }),
    { interruptAfterTimeLimit: 2000, numRuns: 5000 },
  )
})
