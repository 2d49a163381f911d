// `patterns` asks the templates the store keeps; the answer is that of every message by itself.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Counters } from '../../../core/counters.ts'
import type { Scalar } from '../../../core/event.ts'
import { matchAll } from '../../../core/query.ts'
import { templateOf } from '../../../core/template.ts'
import { always, appendAll, type Given, random, simple } from '../../store.contract.ts'
import { openSegmentStore } from '../segment-store.ts'

test.each([1, 2, 3, 4])('patterns of random messages, in segments and in the head (seed %d)', async (seed) => {
  const next = random(seed)
  const pick = <T>(all: readonly T[]): T => all[Math.floor(next() * all.length)] as T
  const number = () => String(Math.floor(next() * 10 ** (1 + Math.floor(next() * 9))))
  const long = () => (next() < 0.05 ? 'x'.repeat(Math.floor(next() * 1400)) : '')
  const forms: (() => string)[] = [
    () => `order ${number()} failed`,
    () => `id:${number()} "user ${number()}" took=${number()}ms`,
    () => `${'word '.repeat(Math.floor(next() * 50))}${number()} ${long()}${number()} end`,
    () =>
      `commit ${pick(['deadbeef', 'deadbeef1', 'beef', 'g00d', 'dead-1', '1=deadbeef', 'deadbeef=1', `a${number()}=b`])}`,
    () => `로그인 ${number()} 실패`,
    () => `a\x1a${number()} b\x1ac`,
    () => `"${number()} 'never ${pick(['', '"', "'"])} closed ${number()}(${number()}),`,
    () => `${'z'.repeat(60)}${pick(['=', ':', '.'])}${number()} ${'q'.repeat(1024 - 70)}${number()}`,
    () => '',
  ]
  const used = forms.filter(() => next() < 0.7).concat(forms[0] as () => string)
  const message = (): Scalar | Scalar[] =>
    next() < 0.97 ? pick(used)() : pick([7, [pick(used)(), 'x 1'], [1, 'b 2'], true])
  const withOthers = next() < 0.3 // else the field is text alone
  const text = () => (withOthers ? message() : next() < 0.03 ? [pick(used)(), pick(used)()] : pick(used)())
  const given = simple(2500).map(
    (g): Given => ({ ...g, event: next() < 0.05 ? { a: 1 } : { message: text(), n: pick([1, 2]) } }),
  )
  const dir = mkdtempSync(join(tmpdir(), 'haetae-patterns-'))
  const store = await openSegmentStore({ dir, counters: new Counters(), inline: true, blockRows: 128, sealRows: 1000 })
  await appendAll(store, given, 100)
  expect((await store.stats()).segments).toBeGreaterThan(0)
  const ask = async (filter: typeof matchAll | { kind: 'equals'; field: string; value: number }) => {
    const aggregation = {
      kind: 'stats',
      of: [{ name: 'count', as: 'n' }],
      by: [{ kind: 'pattern', field: 'message' }],
      limit: 1e6,
    } as const
    const { rows } = await store.aggregate({ filter, range: always, aggregation })
    return new Map(rows?.map(([pattern, n]) => [pattern, n]))
  }
  for (const value of [undefined, 2]) {
    const wanted = new Map<string | null, number>()
    for (const { event } of given) {
      if (value !== undefined && event['n'] !== value) continue
      const said = event['message'] as Scalar | Scalar[] | undefined
      const all = said === undefined ? [] : Array.isArray(said) ? said : [said]
      // Of several the first text, where there is one.
      const first = all.find((one) => typeof one === 'string') ?? all[0]
      const pattern = first === undefined ? null : templateOf(String(first))
      wanted.set(pattern, (wanted.get(pattern) ?? 0) + 1)
    }
    expect(await ask(value === undefined ? matchAll : { kind: 'equals', field: 'n', value })).toEqual(wanted)
  }
  await store.close()
  rmSync(dir, { recursive: true })
})
