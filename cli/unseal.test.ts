// The real command: who holds the key reads the original, nobody else.

import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import type { EcsEvent } from '../core/event.ts'
import { sealContext } from '../parsers/mask/mask.ts'
import { createSealer } from '../parsers/mask/seal.ts'

const cli = join(fileURLToPath(new URL('.', import.meta.url)), 'cli.ts')
const dir = mkdtempSync(join(tmpdir(), 'haetae-unseal-'))
afterAll(() => rmSync(dir, { recursive: true }))

const key = Buffer.alloc(32, 7)
const keyFile = join(dir, 'seal.key')
writeFileSync(keyFile, key.toString('hex'))

function sealed(original: string): EcsEvent {
  const event: EcsEvent = {
    event: { created: '2026-11-01T00:00:00.000Z' },
    haetae: { source: 'udp:a', masked: ['rrn'] },
  }
  ;(event['haetae'] as EcsEvent)['sealed'] = createSealer(key).seal(original, sealContext(event))
  return event
}

function run(args: readonly string[], events: readonly unknown[]) {
  const input = events.map((event) => `${JSON.stringify(event)}\n`).join('')
  const answer = spawnSync(process.execPath, [cli, 'unseal', ...args], { input, encoding: 'utf8' })
  const answers = answer.stdout.split('\n').filter(Boolean)
  return { ...answer, answers: answers.map((line) => JSON.parse(line)) }
}
const rightly = ['--key', keyFile, '--reason', 'case 12']

test('opens what search and what parse answered, in order', () => {
  const answer = run(rightly, [
    { _id: 'x1', ...sealed('first 해태') },
    { id: 7, event: sealed('second') },
  ])
  expect([answer.status, answer.answers]).toEqual([
    0,
    [
      { id: 'x1', original: 'first 해태' },
      { id: 7, original: 'second' },
    ],
  ])
  expect(answer.stderr).toContain('2 opened, 0 not; reason: "case 12"')
})

test('a changed, a moved and a never sealed event are told one by one', () => {
  const moved = sealed('a')
  ;(moved['haetae'] as EcsEvent)['source'] = 'udp:b'
  const answer = run(rightly, [
    { _id: 'm', ...moved },
    { _id: 'n', message: 'plain' },
    { _id: 'g', ...sealed('good') },
  ])
  expect(answer.status).toBe(1)
  expect(answer.answers).toEqual([
    { id: 'm', problem: expect.stringContaining('belongs to another event') },
    { id: 'n', problem: expect.stringContaining('no sealed text') },
    { id: 'g', original: 'good' },
  ])
})

test.each([
  ['no reason', ['--key', keyFile], 2, '--reason'],
  ['a blank reason', ['--key', keyFile, '--reason', ' '], 2, '--reason'],
  ['no key', ['--reason', 'x'], 2, '--key'],
  ['a key that is not there', ['--key', join(dir, 'none'), '--reason', 'x'], 78, 'cannot be read'],
])('%s opens nothing', (_name, args, status, words) => {
  const answer = run(args, [sealed('secret')])
  expect([answer.status, answer.answers]).toEqual([status, []])
  expect(answer.stderr).toContain(words)
  expect(answer.stderr).not.toContain('secret')
})

test('another key opens nothing', () => {
  const other = join(dir, 'other.key')
  writeFileSync(other, Buffer.alloc(32, 8).toString('hex'))
  const answer = run(['--key', other, '--reason', 'x'], [sealed('secret')])
  expect([answer.status, answer.answers]).toEqual([
    1,
    [{ id: 1, problem: expect.stringContaining('sealed with the key') }],
  ])
})
