import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { EcsEvent } from '../../core/event.ts'
import { readCef, readLeef } from './cef.ts'
import { readCloudWatch } from './cloudwatch.ts'
import { readCri, readDockerJson } from './cri.ts'
import { readDelimited } from './delimited.ts'
import { readJson } from './json.ts'
import { readKeyValue } from './key-value.ts'

describe('JSON', () => {
  test.each([
    ['an array', '[1]'],
    ['a text', '"a"'],
    ['cut short', '{"a":'],
    ['trailing words', '{"a":1} x'],
    ['single quotes', "{'a':1}"],
    ['nothing', ''],
    ['nesting deeper than any stack', `{"a":${'['.repeat(2_000_000)}`],
  ])('is no object: %s', (_why, text) => expect(readJson(text)).toBeUndefined())

  test('keys that could reach a prototype are left out, at any depth', () => {
    const read = readJson('{"__proto__":{"x":1},"a":[{"__proto__":{"y":1}}],"constructor":1}')!
    expect(Object.keys(read.object)).toEqual(['a', 'constructor'])
    expect(JSON.stringify(read.object)).not.toContain('__proto__')
    expect(({} as Record<string, unknown>)['x']).toBeUndefined()
    expect(read.truncated).toBe(true)
  })

  test('what is too deep is kept as text, what is too much is cut, and both are said', () => {
    const deep = readJson(`${'{"a":'.repeat(30)}1${'}'.repeat(30)}`, { maxDepth: 3, maxNodes: 100 })!
    expect(deep.truncated).toBe(true)
    expect(deep.object).toEqual({ a: { a: { a: `${'{"a":'.repeat(27)}1${'}'.repeat(27)}` } } })
    const wide = readJson(JSON.stringify({ list: Array.from({ length: 500 }, (_, i) => i) }), {
      maxDepth: 3,
      maxNodes: 10,
    })!
    expect(wide.truncated).toBe(true)
    expect((wide.object['list'] as number[]).length).toBe(9)
  })

  test('two hundred thousand nested arrays do not overflow the stack', () => {
    const text = `{"a":${'['.repeat(4000)}${']'.repeat(4000)}}`
    expect(readJson(text)?.truncated).toBe(true)
  })
})

describe('key=value', () => {
  test.each([
    ['plain', 'a=1 b=two', { a: '1', b: 'two' }],
    ['quoted', 'a="x \\"y\\" z" b=\'p q\'', { a: 'x "y" z', b: 'p q' }],
    ['empty value', 'a= b=1', { a: '', b: '1' }],
    ['again', 'a=1 a=2 a=3', { a: ['1', '2', '3'] }],
    ['words between', 'hello a=1 world', { a: '1' }],
    ['an equals sign in the value', 'q=a=b', { q: 'a=b' }],
    ['an open quote', 'a="never closed b=1', { a: '"never', b: '1' }],
    ['prototype', '__proto__=1 b=2', { b: '2' }],
  ])('%s', (_why, text, expected) => expect(readKeyValue(text)).toEqual(expected))

  test('other separators', () => {
    expect(readKeyValue('a:1;b:2', { pairs: ';', between: ':' })).toEqual({ a: '1', b: '2' })
    expect(readKeyValue('a: 1,  b: "x, y",c:', { pairs: ',', between: ':' })).toEqual({ a: '1', b: 'x, y', c: '' })
    expect(readKeyValue('act=one two msg=x y', { spaces: true })).toEqual({ act: 'one two', msg: 'x y' })
  })

  test.each(['', 'no pairs here', '=', '= = =', '==='])('nothing in %j', (text) =>
    expect(readKeyValue(text)).toBeUndefined(),
  )
})

describe('delimited', () => {
  test.each([
    ['plain', 'a,b,,c', ['a', 'b', '', 'c']],
    ['quoted', '"a,b","c ""d""",e', ['a,b', 'c "d"', 'e']],
    ['open quote', '"a,b', ['"a', 'b']],
    ['quote inside', 'a"b,c', ['a"b', 'c']],
    ['text after a quote', '"a"b,c', ['"a"b', 'c']],
    ['empty', '', ['']],
    ['trailing', 'a,', ['a', '']],
  ])('%s', (_why, text, expected) => expect(readDelimited(text)).toEqual(expected))
})

describe('CEF and LEEF', () => {
  test('header escapes, values with spaces and equals signs, escapes in values', () => {
    const read = readCef(
      'CEF:0|Acme \\| Co|Fire\\\\wall|1.0|100|Port scan|7|src=192.0.2.1 msg=a \\= b\\nc request=http://x/?a=1&b=2 dst=192.0.2.2 ',
    )
    expect(read).toMatchObject({
      vendor: 'Acme | Co',
      product: 'Fire\\wall',
      eventId: '100',
      name: 'Port scan',
      severity: '7',
    })
    expect(read?.extension).toEqual({
      src: '192.0.2.1',
      msg: 'a = b\nc',
      request: 'http://x/?a=1&b=2',
      dst: '192.0.2.2',
    })
  })

  test.each(['CEF:0|a|b|c', 'CEF:', 'CEF:x|a|b|c|d|e|f|', 'nothing', 'LEEF:1.0|a|b'])('not whole: %s', (text) => {
    expect(readCef(text)).toBeUndefined()
    expect(readLeef(text)).toBeUndefined()
  })

  test('LEEF with tabs, and with a delimiter of its own', () => {
    expect(readLeef('LEEF:1.0|V|P|1|E1|src=1\tdst=a b')?.extension).toEqual({ src: '1', dst: 'a b' })
    expect(readLeef('LEEF:2.0|V|P|1|E1|^|src=1^dst=2')?.extension).toEqual({ src: '1', dst: '2' })
    expect(readLeef('LEEF:2.0|V|P|1|E1|x7C|src=1|dst=2')?.extension).toEqual({ src: '1', dst: '2' })
  })

  test('a megabyte of equals signs takes one pass', () => {
    expect(readCef(`CEF:0|a|b|c|d|e|1|x=${'='.repeat(1_000_000)}`)?.extension['x']).toHaveLength(1_000_000)
    expect(readCef(`CEF:0|a|b|c|d|e|1|${'a=b '.repeat(200_000)}`)).toBeDefined()
  })
})

describe('container lines', () => {
  test.each([
    ['full', '2026-01-14T10:00:00.5Z stdout F hello', { message: 'hello', stream: 'stdout', partial: false }],
    ['empty message', '2026-01-14T10:00:00Z stderr F ', { message: '', stream: 'stderr' }],
    ['part', '2026-01-14T10:00:00Z stdout P half', { message: 'half', partial: true }],
    [
      'parts joined',
      '2026-01-14T10:00:00Z stdout P one \n2026-01-14T10:00:01Z stdout F two',
      { message: 'one two', partial: false },
    ],
    ['further tags', '2026-01-14T10:00:00+09:00 stdout F:x m', { message: 'm' }],
  ])('CRI %s', (_why, line, expected) => expect(readCri(line)).toMatchObject(expected))

  test.each([
    '2026-01-14T10:00:00Z stdin F x',
    '2026-01-14T10:00:00Z stdout X x',
    '2026-01-14T10:00:00 stdout F x',
    '2026-01-14T10:00:00Z',
    '2026-01-14T10:00:00Z stdout P a\nnot a head',
    '',
  ])('CRI refuses %j', (line) => expect(readCri(line)).toBeUndefined())

  test('Docker: exactly its keys, or it is somebody else’s JSON', () => {
    const time = '2026-01-14T10:00:00Z'
    expect(readDockerJson({ log: 'x\n', stream: 'stdout', time })).toMatchObject({ message: 'x', partial: false })
    expect(readDockerJson({ log: 'x', stream: 'stdout', time })).toMatchObject({ partial: true })
    expect(readDockerJson({ log: 'x\n', stream: 'stdout', time, attrs: { a: 'b' } })).toMatchObject({
      attrs: { a: 'b' },
    })
    expect(readDockerJson({ log: 'x\n', stream: 'stdout', time, other: 1 })).toBeUndefined()
    expect(readDockerJson({ message: 'x', stream: 'stderr', time, kubernetes: {} })).toMatchObject({ partial: false })
    expect(readDockerJson({ message: 'x', stream: 'stderr', time, level: 'info' })).toBeUndefined()
    expect(readDockerJson({ message: 'x', stream: 'events', time })).toBeUndefined()
    expect(readDockerJson({ log: 1, stream: 'stdout', time })).toBeUndefined()
    expect(readDockerJson({ log: 'x\n', stream: 'stdout', time: 'yesterday' })).toBeUndefined()
  })
})

test('any text goes through every reader without a throw', () => {
  const piece = fc.constantFrom(
    '=',
    ' ',
    '"',
    "'",
    '\\',
    '|',
    'CEF:0|',
    'LEEF:2.0|',
    '{',
    '}',
    '[',
    ',',
    'key',
    '\t',
    '\n',
    '2026-01-14T10:00:00Z stdout P ',
  )
  fc.assert(
    fc.property(fc.array(fc.oneof(piece, fc.string({ maxLength: 5 })), { maxLength: 40 }), (parts) => {
      const text = parts.join('')
      readJson(text)
      readKeyValue(text)
      readKeyValue(text, { spaces: true })
      readCef(text)
      readLeef(text)
      readCri(text)
      expect(readDelimited(text).length).toBeGreaterThan(0)
    }),
    { interruptAfterTimeLimit: 1500, numRuns: 10_000 },
  )
})

describe('a log event of CloudWatch', () => {
  const event = { logGroup: 'g', logStream: 's', message: 'm' }

  test.each([
    ['no group', { ...event, logGroup: undefined }],
    ['a group that is no text', { ...event, logGroup: ['g'] }],
    ['no message', { logGroup: 'g', logStream: 's' }],
    ['a message that is an object', { ...event, message: {} }],
    ['something else besides', { ...event, level: 'warn' }],
  ])('is none with %s', (_why, object) => expect(readCloudWatch(object as EcsEvent)).toBeUndefined())

  test.each([
    [1768383000123, 1768383000123],
    ['1768383000123', Number.NaN],
    [1e300, Number.NaN],
    [undefined, Number.NaN],
  ])('timestamp %s is %d', (timestamp, timeMs) => {
    expect(readCloudWatch({ ...event, ...(timestamp === undefined ? {} : { timestamp }) })?.timeMs).toBe(timeMs)
  })
})

test('a text of pairs is read the same whatever keys the one before had', () => {
  const word = fc.constantFrom('a', 'ab', 'b', 'a key', 'longer-than-most', '', 'a\u00a0', '__proto__')
  const pair = fc.tuple(word, fc.constantFrom('=', ' =', ':', ' '), fc.constantFrom('1', '"x y"', '', "'"))
  const text = fc.array(pair, { maxLength: 6 }).map((pairs) => pairs.map((parts) => parts.join('')).join(' '))
  const signs = fc.constantFrom({}, { pairs: ';' }, { between: ':' }, { spaces: true })
  fc.assert(
    fc.property(text, text, signs, (before, then, options) => {
      readKeyValue('', { pairs: '\u0001' }) // other signs: nothing is remembered
      const alone = readKeyValue(then, options)
      readKeyValue(before, options)
      expect(readKeyValue(then, options)).toEqual(alone)
    }),
    { numRuns: 2000 },
  )
})
