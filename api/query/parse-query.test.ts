import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isPipelineError } from '../../core/errors.ts'
import type { Filter } from '../../core/query.ts'
import { allOf, anyOf, fieldsOf, not } from './build.ts'
import { formatQuery } from './format-query.ts'
import { MAX_QUERY_CHARACTERS, parseQuery } from './parse-query.ts'

const nowMs = Date.UTC(2026, 10, 22, 10, 30)
const parse = (line: string) => parseQuery(line, { nowMs }).filter
const is = (field: string, value: string | number): Filter => ({ kind: 'equals', field, value })
const text = (words: string, prefix = false): Filter => ({ kind: 'text', words: words.split(' '), prefix })
const like = (field: string, pattern: string): Filter => ({ kind: 'wildcard', field, pattern })
const has = (field: string): Filter => ({ kind: 'exists', field })
const regex = (field: string, source: string, ignoreCase = false): Filter => ({
  kind: 'regex',
  field,
  source,
  ignoreCase,
})
const all: Filter = { kind: 'all' }

test.each<[string, Filter]>([
  ['', all],
  ['  \t ', all],
  ['*', all],
  ['*:*', all],
  // Words
  ['sshd', text('sshd')],
  ['Failed Password', allOf([text('failed'), text('password')])],
  ['"Failed Password"', text('failed password')],
  ['fail*', text('fail', true)],
  ['"failed pass*"', text('failed pass', true)],
  ['10.0.0*', text('10 0 0', true)],
  ['로그인 "실패 횟수"', allOf([text('로그인'), text('실패 횟수')])],
  ['fa*il', anyOf([like('message', 'fa*il'), like('event.original', 'fa*il')])],
  ['*Fail', anyOf([like('message', '*fail'), like('event.original', '*fail')])],
  ['uid=0', text('uid 0')],
  ['[error]', text('error')],
  ['10:22:33', text('10 22 33')],
  ['http://host/a', text('http host a')],
  ['fe80::1', text('fe80 1')],
  ['url.full://x', is('url.full', '//x')],
  ['C:\\Temp\\a.exe', text('c temp a exe')],
  ['user\\:root', text('user root')],
  ['"and"', text('and')],
  ['android', text('android')],
  ['--force', text('force')],
  // Fields
  ['user.name:root', is('user.name', 'root')],
  ['user.name : root', is('user.name', 'root')],
  ['user.name:Root', is('user.name', 'Root')],
  ['user.name:"root user"', is('user.name', 'root user')],
  ['user.name:"a \\"b\\" \\\\ c"', is('user.name', 'a "b" \\ c')],
  ['user.name:""', is('user.name', '')],
  ['"odd field":x', is('odd field', 'x')],
  ['"*":x', is('*', 'x')],
  ['process.executable:"C:\\Windows\\System32"', is('process.executable', 'C:\\Windows\\System32')],
  ['process.executable:C:\\Windows\\System32', is('process.executable', 'C:\\Windows\\System32')],
  ['process.executable:C:\\\\Windows\\\\*', like('process.executable', 'C:\\\\Windows\\\\*')],
  ['url.original:http://a/b?c', like('url.original', 'http://a/b?c')],
  ['url.original:http://a/b\\?c', is('url.original', 'http://a/b?c')],
  ['url.path:/admin/login', is('url.path', '/admin/login')],
  ['url.path:/', is('url.path', '/')],
  ['url.path:"/admin/"', is('url.path', '/admin/')],
  ['source.mac:aa:bb:cc', is('source.mac', 'aa:bb:cc')],
  ['message:"Failed password"', is('message', 'Failed password')],
  ['message:Fail*', like('message', 'fail*')],
  ['__proto__:x', is('__proto__', 'x')],
  ['constructor.name:x', is('constructor.name', 'x')],
  ['a:b:c', is('a', 'b:c')],
  ['a:-5', is('a', '-5')],
  // Exists and wildcards
  ['user.name:*', has('user.name')],
  ['user.name:**', has('user.name')],
  ['_exists_:user.name', has('user.name')],
  ['user.name:adm*', like('user.name', 'adm*')],
  ['user.name:a\\*b*', like('user.name', 'a\\*b*')],
  ['user.name:a\\*', is('user.name', 'a*')],
  ['user.name:"a*"', is('user.name', 'a*')],
  ['user.name:a**b', like('user.name', 'a*b')],
  // Numbers
  ['source.port:22', is('source.port', 22)],
  ['source.port:"22"', is('source.port', 22)],
  ['source.port:22.0', is('source.port', 22)],
  ['source.port:-0', is('source.port', 0)],
  ['event.risk_score:.5e1', is('event.risk_score', 5)],
  ['custom:22', is('custom', '22')],
  // Addresses
  ['source.ip:10.0.0.1', is('source.ip', '10.0.0.1')],
  ['source.ip:2001:db8::1', is('source.ip', '2001:db8::1')],
  ['source.ip:::1', is('source.ip', '::1')],
  ['source.ip:10.0.0.0/8', { kind: 'cidr', field: 'source.ip', cidr: '10.0.0.0/8' }],
  ['source.ip:"10.0.0.0/8"', { kind: 'cidr', field: 'source.ip', cidr: '10.0.0.0/8' }],
  ['source.ip:2001:db8::/32', { kind: 'cidr', field: 'source.ip', cidr: '2001:db8::/32' }],
  ['source.ip:192.168.*', { kind: 'cidr', field: 'source.ip', cidr: '192.168.0.0/16' }],
  ['custom.net:10.0.0.0/8', is('custom.net', '10.0.0.0/8')],
  // Ranges
  ['source.port >= 1024', { kind: 'range', field: 'source.port', gte: 1024 }],
  ['source.port>1024', { kind: 'range', field: 'source.port', gt: 1024 }],
  ['source.port:<=1024', { kind: 'range', field: 'source.port', lte: 1024 }],
  ['source.port : < 1024', { kind: 'range', field: 'source.port', lt: 1024 }],
  ['source.port:[1 TO 5]', { kind: 'range', field: 'source.port', gte: 1, lte: 5 }],
  ['source.port:{1 to 5}', { kind: 'range', field: 'source.port', gt: 1, lt: 5 }],
  ['source.port:[1 TO 5}', { kind: 'range', field: 'source.port', gte: 1, lt: 5 }],
  ['source.port:[ * TO 5 ]', { kind: 'range', field: 'source.port', lte: 5 }],
  ['source.port:[1 TO *}', { kind: 'range', field: 'source.port', gte: 1 }],
  ['source.port:[* TO *]', has('source.port')],
  ['custom >= 5', { kind: 'range', field: 'custom', gte: 5 }],
  ['custom >= "5"', { kind: 'range', field: 'custom', gte: '5' }],
  ['custom:[a TO "b c"]', { kind: 'range', field: 'custom', gte: 'a', lte: 'b c' }],
  ['source.ip:[10.0.0.1 TO 10.0.0.9]', { kind: 'range', field: 'source.ip', gte: '10.0.0.1', lte: '10.0.0.9' }],
  ['@timestamp >= 2026-11-22', { kind: 'range', field: '@timestamp', gte: '2026-11-22T00:00:00.000Z' }],
  ['@timestamp > 2026-11-22', { kind: 'range', field: '@timestamp', gte: '2026-11-23T00:00:00.000Z' }],
  ['@timestamp <= 2026-11-22', { kind: 'range', field: '@timestamp', lt: '2026-11-23T00:00:00.000Z' }],
  ['event.start > now-30m', { kind: 'range', field: 'event.start', gt: '2026-11-22T10:00:00.000Z' }],
  [
    '@timestamp:2026-11-22',
    { kind: 'range', field: '@timestamp', gte: '2026-11-22T00:00:00.000Z', lt: '2026-11-23T00:00:00.000Z' },
  ],
  ['event.start:2026-11-22T10:00:00Z', is('event.start', '2026-11-22T10:00:00.000Z')],
  // Lists
  ['user.name:(a or b)', anyOf([is('user.name', 'a'), is('user.name', 'b')])],
  ['source.port:(22 OR >1024)', anyOf([is('source.port', 22), { kind: 'range', field: 'source.port', gt: 1024 }])],
  ['tags:(a and not (b or c*))', allOf([is('tags', 'a'), not(anyOf([is('tags', 'b'), like('tags', 'c*')]))])],
  ['not user.name:(a or b) c', allOf([not(anyOf([is('user.name', 'a'), is('user.name', 'b')])), text('c')])],
  // Regular expressions
  ['user.name:/adm(in)?/', regex('user.name', 'adm(in)?')],
  ['user.name:/adm/i', regex('user.name', 'adm', true)],
  ['url.path:/a\\/b/', regex('url.path', 'a/b')],
  ['message:/a\\ b\\s/', regex('message', 'a b\\s')],
  ['(user.name:/a|b/)', regex('user.name', 'a|b')],
  // Logic
  ['a and b or c and not d', anyOf([allOf([text('a'), text('b')]), allOf([text('c'), not(text('d'))])])],
  ['a AND (b Or c)', allOf([text('a'), anyOf([text('b'), text('c')])])],
  ['a && b || !c', anyOf([allOf([text('a'), text('b')]), not(text('c'))])],
  ['-a +b', allOf([not(text('a')), text('b')])],
  ['not not a', not(not(text('a')))],
  ['not a b', allOf([not(text('a')), text('b')])],
  ['(((a)))', text('a')],
  ['(a and b) and c', allOf([text('a'), text('b'), text('c')])],
  ['not(a)', not(text('a'))],
  [
    'user.name:root and not source.ip:10.0.0.0/8',
    allOf([is('user.name', 'root'), not({ kind: 'cidr', field: 'source.ip', cidr: '10.0.0.0/8' })]),
  ],
])('parseQuery reads %j', (line, expected) => {
  expect(parse(line)).toEqual(expected)
  expect(parseQuery(line, { nowMs }).pipes).toEqual([])
})

test.each<[number, string, string]>([
  [1, ')', "found ')'"],
  [2, 'a)', 'never opened'],
  [1, '(a', 'never closed'],
  [3, 'a (b', 'never closed'],
  [2, '()', "found ')'"],
  [1, '"a', 'never closed'],
  [11, 'user.name:"a', 'never closed'],
  [1, 'and a', "found 'and'"],
  [6, 'a and', 'found the end'],
  [7, 'a and or b', "found 'or'"],
  [4, 'not', 'found the end'],
  [4, 'a |', 'expected a stage'],
  [3, 'a:|b', "expected a value for a, found '|'"],
  [7, 'a and | head', "expected a condition, found '|'"],
  [1, '(a | head)', 'never closed'],
  [3, 'a:', 'a value for a'],
  [4, 'a: and b', "found 'and'"],
  [4, 'a:(', 'a value for a'],
  [4, 'a:()', "found ')'"],
  [17, 'source.port:(22 80)', "expected 'or'"],
  [1, ':a', 'field name'],
  [1, '> 5', 'field name'],
  [4, 'a >', 'a value for a'],
  [5, 'a > *', 'wildcard'],
  [1, 'us*:root', 'wildcard'],
  [1, '*:root', 'no field'],
  [11, 'user.name = root', "':'"],
  [10, 'user.name=root', "':'"],
  [10, 'user.name!=root', "':'"],
  [3, 'a == b', "':'"],
  [13, 'source.port:ssh', 'numbers'],
  [13, 'source.port:0x16', 'numbers'],
  [13, 'source.port:1e999', 'numbers'],
  [13, 'source.port:8*', 'no wildcard'],
  [11, 'source.ip:host1', 'addresses'],
  [11, 'source.ip:10.0.0.0/33', 'addresses'],
  [11, 'source.ip:10.0.0.0/8/8', 'addresses'],
  [11, 'source.ip:fe80::1%eth0', 'addresses'],
  [11, 'source.ip:*.10', 'wildcard'],
  [11, 'source.ip:999.*', 'wildcard'],
  [13, '@timestamp: yesterdayish', 'times'],
  [12, '@timestamp:2026-02-30', 'times'],
  [11, 'message > 5', 'no range'],
  [9, 'message:"..."', 'no word'],
  [9, 'message:a-b*', 'matches one word'],
  [1, '"--"', 'no word'],
  [4, 'a:b"c"', 'inside a value'],
  [6, 'a:[1 5]', 'such as [1 TO 5]'],
  [10, 'a:[1 TO 5', 'such as [1 TO 5]'],
  [9, 'a:{ b:c }', 'such as [1 TO 5]'],
  [9, 'a:[1 TO 5*]', 'wildcard'],
  [6, '"a b"~5', 'proximity'],
  [6, '"a b"c', 'space after'],
  [13, 'url.path:"a"b', 'space after'],
  [10, 'url.path:/a or url.path:/', 'path or a regular expression'],
  [4, 'a:/(/', 'no regular expression'],
  [4, 'a:/[z-a]/', 'no regular expression'],
  [4, 'a:/(?=b)c/', 'look-ahead'],
  [5, 'a:/b(?<!c)/', 'look-ahead'],
  [7, 'a:/(b)\\1/', 'back references'],
  [4, 'a:/(b+)+c/', 'exponentially'],
  [13, 'source.port:/2./', 'regular expression'],
])('column %i of %j: %s', (column, line, words) => {
  let error: unknown
  try {
    parse(line)
  } catch (thrown) {
    error = thrown
  }
  if (!isPipelineError(error, 'QUERY_INVALID')) throw error ?? new Error('was accepted')
  expect(error.message).toContain(words)
  expect(error.params.column).toBe(column)
})

test.each([
  ['too long', 'a'.repeat(MAX_QUERY_CHARACTERS + 1)],
  ['nested too deep', '('.repeat(1000)],
  ['negated too often', 'not '.repeat(1000)],
  ['negations between parentheses', '!('.repeat(1000)],
  ['too many conditions', 'a '.repeat(1000)],
  ['a list too long', `a:(${'b or '.repeat(1000)}b)`],
  ['a field name too long', `${'a'.repeat(300)}:b`],
  ['a regular expression too long', `a:/${'b'.repeat(600)}/`],
])('a query is refused when %s', (_why, line) => {
  expect(() => parse(line)).toThrow(expect.objectContaining({ code: 'QUERY_INVALID' }))
})

describe('slips in field names', () => {
  const knownFields = new Set(['user.name', 'process.pid', 'source.ip', 'winlog.event_data.param1', 'process.args'])
  const read = (line: string) => parseQuery(line, { knownFields }).filter
  test.each([
    ['user.nmae:root', 1, 'user.name'],
    ['a and User.Name:root', 7, 'user.name'],
    ['user.nam:(a or b)', 1, 'user.name'],
    ['proces.args:x', 1, 'process.args'],
    ['sorce.ip >= 10.0.0.1', 1, 'source.ip'],
    ['_exists_:user.nme', 10, 'user.name'],
  ])('%s: did you mean', (line, column, near) => {
    expect(() => read(line)).toThrow(
      expect.objectContaining({
        params: expect.objectContaining({ column, hint: expect.stringContaining(`did you mean ${near}?`) }),
      }),
    )
  })
  test.each([
    ['a known name', 'user.name:root'],
    ['a name like none', 'kubernetes.pod.name:x'],
    ['a numbered sibling', 'winlog.event_data.param2:x'],
    ['a short other word', 'source.as:x'],
    ['another short word', 'process.uid:x'],
    ['a quoted name', '"user.nmae":root'],
  ])('%s is taken', (_why, line) => expect(() => read(line)).not.toThrow())
})

test('without a clock, a relative date is refused and an absolute one is taken', () => {
  expect(() => parseQuery('event.start > now-5m')).toThrow('times')
  expect(parseQuery('event.start > 2026-11-22T10:00:00Z').filter).toMatchObject({ kind: 'range' })
})

test('fieldsOf names every field once', () => {
  expect([...fieldsOf(parse('a:1 and (b >= 2 or not a:/x/) text "c":* d:z*'))].sort()).toEqual(['a', 'b', 'c', 'd'])
})

describe('formatQuery', () => {
  test.each([
    ['a b', 'a and b'],
    ['(a or b) c', '(a or b) and c'],
    ['a or (b c)', 'a or b and c'],
    ['-(a b)', 'not (a and b)'],
    ['user.name:"root"', 'user.name:root'],
    ['user.name:"and"', 'user.name:"and"'],
    ['"and":x', '"and":x'],
    ['source.port:[1 TO 5}', 'source.port:[1 TO 5}'],
    ['source.port:>5', 'source.port > 5'],
    ['*', ''],
    ['not *', 'not *'],
    ['"Failed Password"', '"failed password"'],
    ['url.path:/a\\/b/i', 'url.path:/a\\/b/i'],
  ])('%s prints as %s', (line, expected) => expect(formatQuery(parse(line))).toBe(expected))

  test('what is printed reads back as the same filter, for any filter', () => {
    fc.assert(
      fc.property(filters, (filter) => {
        expect(parse(formatQuery(filter))).toEqual(filter)
      }),
      { numRuns: 3000, interruptAfterTimeLimit: 2500 },
    )
  })
})

test('any line is a filter or QUERY_INVALID with a column inside the line, and a filter prints and reads back', () => {
  const piece = fc.constantFrom(
    ...'and or not ( ) " : * ? \\ / [ ] { } TO < > <= >= = != - + ! | || && ~ ^ , . user.name source.ip source.port'.split(
      ' ',
    ),
    ...[
      'message',
      '@timestamp',
      '10.0.0.0/8',
      '22',
      '2026-11-22',
      'now-5m',
      '_exists_',
      '\u0000',
      '\ud800',
      '😀',
      '한글',
    ],
    ...[' ', '\n', '\u00a0', '(a+)+', 'a{2,}', '\\d', '__proto__', 'İ', 'ſ'],
  )
  const lines = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(piece, { maxLength: 20 }).map((parts) => parts.join('')),
  )
  fc.assert(
    fc.property(lines, (line) => {
      let filter: Filter
      try {
        filter = parse(line)
      } catch (error) {
        if (!isPipelineError(error, 'QUERY_INVALID')) throw error
        expect(error.params.column).toBeGreaterThanOrEqual(1)
        expect(error.params.column).toBeLessThanOrEqual(line.length + 1)
        return
      }
      expect(parse(formatQuery(filter))).toEqual(filter)
    }),
    { numRuns: 20_000, interruptAfterTimeLimit: 2500 },
  )
})

const word = fc.stringMatching(/^[a-z0-9_가-힣]{1,8}$/)
const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom('and', 'OR', '/a/', '10.0.0.0/8', '*', '\\', '"'),
)
const fieldName = fc.oneof(
  fc.constantFrom('user.name', 'and', '_exists_', '*', 'a b', '"', '\\', '__proto__', 'x:y', '한글'),
  fc.string({ minLength: 1, maxLength: 20 }).filter((name) => name.isWellFormed()),
)
const keyword = fieldName.filter((name) => !['message', 'source.ip'].includes(name))
const pattern = fc
  .array(fc.oneof(fc.constantFrom('*', '?', '\\*', '\\?', '\\\\', ' ', ':', '"', '(', '/', '|'), word), {
    minLength: 1,
  })
  .map((parts) => parts.join('').replace(/(?<!\\)((?:\\\\)*)\*+/g, '$1*'))
  .filter((text) => /(?<!\\)(?:\\\\)*[*?]/.test(text) && !text.startsWith('\\') && text !== '*')
const bound = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => n || 0),
  anyText,
)
const leaf: fc.Arbitrary<Filter> = fc.oneof(
  fc.record({ kind: fc.constant('equals' as const), field: keyword, value: anyText }),
  fc.integer({ min: 0, max: 65535 }).map((n) => is('source.port', n)),
  fc.ipV4().map((ip) => is('source.ip', ip)),
  fc.ipV6().map((ip) => is('source.ip', ip)),
  fc
    .tuple(fc.ipV4(), fc.nat(32))
    .map(([ip, bits]): Filter => ({ kind: 'cidr', field: 'source.ip', cidr: `${ip}/${bits}` })),
  fc
    .array(word, { minLength: 1, maxLength: 4 })
    .chain((words) => fc.boolean().map((prefix): Filter => ({ kind: 'text', words, prefix }))),
  fc.record({ kind: fc.constant('wildcard' as const), field: keyword, pattern }),
  keyword.map(has),
  fc.tuple(keyword, bound, bound, fc.boolean(), fc.boolean(), fc.nat(2)).map(
    ([field, low, high, a, b, sides]): Filter => ({
      kind: 'range',
      field,
      ...(sides !== 1 && (a ? { gte: low } : { gt: low })),
      ...(sides !== 0 && (b ? { lte: high } : { lt: high })),
    }),
  ),
  fc
    .array(fc.constantFrom('a', '\\d', '[a-f/]', '(x|y)', '\\/'.slice(1), ' ', '\\\\', '한', 'b?', '"', '.'), {
      minLength: 1,
    })
    .chain((parts) => fc.boolean().map((ignoreCase) => regex('user.name', parts.slice(0, 30).join(''), ignoreCase))),
  fc.constant(all),
)
const filters: fc.Arbitrary<Filter> = fc.letrec<{ tree: Filter }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4 },
    leaf,
    fc.array(tie('tree'), { minLength: 2, maxLength: 4 }).map(allOf),
    fc.array(tie('tree'), { minLength: 2, maxLength: 4 }).map(anyOf),
    tie('tree').map(not),
  ),
})).tree
