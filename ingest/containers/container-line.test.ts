import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Counters } from '../../core/counters.ts'
import type { Emission } from '../files/line-sink.ts'
import { Meter } from '../meter.ts'
import { readContainerLine } from './container-line.ts'
import { JoinLines } from './join-lines.ts'
import { containerFields, readContainerPath } from './pod-path.ts'

const TIME = '2026-11-22T10:00:00.123456789Z'
const cri = (tag: string, content: string, stream = 'stdout') => `${TIME} ${stream} ${tag} ${content}`
const docker = (log: string, stream = 'stdout') => JSON.stringify({ log, stream, time: TIME })

describe('one line', () => {
  const content = (text: string) => {
    const line = Buffer.from(text)
    const read = readContainerLine(line)
    return read && [read.format, read.stream, read.partial, line.toString('utf8', read.contentStart, read.contentEnd)]
  }
  test.each([
    ['full', cri('F', 'hello  world '), ['cri', 'stdout', false, 'hello  world ']],
    ['partial', cri('P', 'hel', 'stderr'), ['cri', 'stderr', true, 'hel']],
    ['empty content', cri('F', ''), ['cri', 'stdout', false, '']],
    ['no space after the tag', `${TIME} stdout F`, ['cri', 'stdout', false, '']],
    ['more tags', cri('P:x:y', 'z'), ['cri', 'stdout', true, 'z']],
    ['an offset', `2026-11-22T19:00:00.123456789+09:00 stdout F x`, ['cri', 'stdout', false, 'x']],
    ['docker', docker('hi\n'), ['docker', 'stdout', false, 'hi\\n']],
    ['docker, partial', docker('hi'), ['docker', 'stdout', true, 'hi']],
    ['docker, a backslash and an n at the end', docker('c:\\n'), ['docker', 'stdout', true, 'c:\\\\n']],
    ['docker, a backslash and a newline', docker('c:\\\n'), ['docker', 'stdout', false, 'c:\\\\\\n']],
    [
      'docker, a newline written as hex',
      '{"log":"a\\u000A","stream":"stderr"}',
      ['docker', 'stderr', false, 'a\\u000A'],
    ],
    ['docker, only an n', docker('n'), ['docker', 'stdout', true, 'n']],
    ['docker, empty', docker(''), ['docker', 'stdout', true, '']],
    ['docker, a strange stream', '{"log":"a\\n","stream":"__proto__"}', ['docker', '', false, 'a\\n']],
  ])('%s', (_why, line, expected) => expect(content(line)).toEqual(expected))

  test.each([
    ['nothing', ''],
    ['plain text', 'a plain line of text that is long enough'],
    ['another stream', cri('F', 'x', 'stdxxx')],
    ['another tag', cri('Q', 'x')],
    ['a longer tag', cri('FF', 'x')],
    ['no tag', `${TIME} stdout `],
    ['half JSON', docker('hello\n').slice(0, 20)],
    ['NULs after a crash', `\0\0\0${docker('hello\n')}`],
    ['two values', `${docker('a\n')}{}`],
    ['no log', '{"stream":"stdout"}'],
    ['a log that is no string', '{"log":{},"stream":"stdout"}'],
    ['an array', '[]'],
  ])('of neither format: %s', (_why, line) => expect(content(line)).toBeUndefined())

  test('any bytes are read without an error', () => {
    const beginning = fc.constantFrom('', '{', `${TIME} stdout `, `${TIME} stderr P`, '{"log":"')
    fc.assert(
      fc.property(beginning, fc.uint8Array({ maxLength: 40 }), (start, rest) => {
        readContainerLine(Buffer.concat([Buffer.from(start), rest]))
      }),
      { interruptAfterTimeLimit: 500, numRuns: 20_000 },
    )
  })
})

describe('joining', () => {
  const origin = { source: 'containers', kind: 'container', peer: 'p' } as const
  const origins = {
    cri: { ...origin, dataset: 'cri' },
    docker: { ...origin, dataset: 'docker.json-file' },
    other: origin,
  }
  const counters = new Counters()
  const meter = new Meter(counters, 'containers')

  function join(lines: readonly string[], maxBytes = 1000) {
    const sink = new JoinLines(origins, { maxBytes, waitMs: 5000 }, meter)
    const out: Emission[] = []
    for (const [i, line] of lines.entries()) sink.take(Buffer.from(line), 'id', i, false, 0, out)
    return { sink, out, texts: () => out.map((e) => `${e.offset} ${e.bytes.toString()}${e.truncated ? ' ~' : ''}`) }
  }

  test('unsplit lines are handed on exactly, with the dataset of their format', () => {
    const odd = '{ "stream":"stdout" ,"log":"x\\n", "attrs":{"a":"b"}}'
    const { out } = join([cri('F', 'a'), odd, 'neither'])
    expect(out.map((e) => e.bytes.toString())).toEqual([cri('F', 'a'), odd, 'neither'])
    expect(out.map((e) => e.origin.dataset)).toEqual(['cri', 'docker.json-file', undefined])
  })

  test('pieces of two streams that alternate are joined each by itself', () => {
    const lines = [
      cri('P', 'o1 '),
      cri('P', 'e1 ', 'stderr'),
      cri('P', 'P2 '),
      cri('F', 'e2', 'stderr'),
      cri('F', 'o3'),
    ]
    expect(join(lines).texts()).toEqual([`1 ${cri('F', 'e1 e2', 'stderr')}`, `0 ${cri('F', 'o1 P2 o3')}`])
  })

  test('docker pieces are joined inside the first line', () => {
    const got = join([docker('{"k":"'), docker('한'), docker('"}\n')])
    expect(got.texts()).toEqual([`0 ${docker('{"k":"한"}\n')}`])
  })

  test('what is joined says what was split, for any content and any cuts', () => {
    const cuts = fc.array(fc.string({ unit: 'binary', maxLength: 8 }), { minLength: 1, maxLength: 5 })
    fc.assert(
      fc.property(cuts, (pieces) => {
        const whole = pieces.map((piece) => piece.replaceAll('\n', ' '))
        const asDocker = whole.map((piece, i) => docker(i === whole.length - 1 ? `${piece}\n` : piece))
        const joined = join(asDocker, 100_000).out
        expect(joined).toHaveLength(1)
        expect(JSON.parse(joined[0]?.bytes.toString() ?? '')).toEqual(JSON.parse(docker(`${whole.join('')}\n`)))
        const asCri = whole.map((piece, i) => cri(i === whole.length - 1 ? 'F' : 'P', piece))
        expect(join(asCri, 100_000).out.map((e) => e.bytes.toString())).toEqual([cri('F', whole.join(''))])
      }),
      { interruptAfterTimeLimit: 1000, numRuns: 300 },
    )
  })

  test('over the limit the first part is kept, once, and the next line is in step', () => {
    const lines = [cri('P', 'x'.repeat(6)), cri('P', 'y'.repeat(6)), cri('P', 'z'), cri('F', 'z'), cri('F', 'next')]
    expect(join(lines, 10).texts()).toEqual([`0 ${cri('F', 'xxxxxxyyyy')} ~`, `4 ${cri('F', 'next')}`])
  })

  test('a cut docker line is still JSON', () => {
    const { out } = join([docker('"""""'), docker('"""""'), docker('end\n')], 11)
    expect(out.map((e) => JSON.parse(e.bytes.toString()).log)).toEqual(['"""""'])
  })

  test('a first piece waits for its last, holds its place, and is handed on in the end', () => {
    const { sink, out } = join([cri('F', 'a'), cri('P', 'begin ')])
    expect([sink.heldFrom('id'), sink.heldFrom('another')]).toEqual([1, undefined])
    sink.idle(4999, out)
    expect(out).toHaveLength(1)
    sink.idle(5000, out)
    expect(out[1]?.bytes.toString()).toBe(cri('F', 'begin '))
    expect(sink.heldFrom('id')).toBeUndefined()
    expect(counters.get('ingest_refused_total', { source: 'containers', reason: 'piece_cut' })).toBe(1)
  })
})

describe('paths', () => {
  test.each([
    [
      '/var/log/pods/shop_cart-5d_0a1b-2c/web/3.log',
      { namespace: 'shop', pod: 'cart-5d', podUid: '0a1b-2c', container: 'web', restartCount: '3' },
    ],
    [
      '/x/shop_cart_u/web/0.log.20261122-100000',
      { namespace: 'shop', pod: 'cart', podUid: 'u', container: 'web', restartCount: '0' },
    ],
    [
      '/var/log/containers/cart-5d_shop_web-side-0123456789ab.log',
      { namespace: 'shop', pod: 'cart-5d', container: 'web-side', containerId: '0123456789ab' },
    ],
    ['/d/0123456789ab/0123456789ab-json.log.1', { containerId: '0123456789ab' }],
    ['/var/log/syslog', undefined],
    ['/var/log/pods/shop_cart/web/0.log', undefined],
    ['/var/log/pods/shop_cart_u/web/x.log', undefined],
  ])('%s', (path, expected) => expect(readContainerPath(path)).toEqual(expected))

  test('become ECS fields; what is unknown is absent', () => {
    expect(containerFields('/p', { containerId: 'c' }, { 'container.name': 'web' })).toEqual({
      'log.file.path': '/p',
      'container.id': 'c',
      'container.name': 'web',
    })
  })
})
