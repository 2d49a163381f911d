// 3 s of work; the limit leaves room for a busy machine
import { expect, test } from 'vitest'
import { chains, prove, specs } from './proof.ts'

test('the same matches give the same bytes, shuffled, repeated, restarted and replayed, and the oracle agrees', () => {
  const seen = new Set<string>()
  for (let seed = 1; seed <= 50; seed++) {
    const { inOrder, disordered, ours, oracle } = prove(seed)
    for (const other of disordered) expect(other, `seed ${seed}`).toEqual(inOrder)
    expect(ours, `seed ${seed}`).toEqual(oracle)
    for (const text of inOrder) seen.add(JSON.parse(text).ruleId)
  }
  // every kind fired somewhere, or the comparison above proved nothing about it
  const expected = [...specs, ...chains].filter((spec) => spec.alerts !== false).map(({ id }) => id)
  expect([...seen].sort()).toEqual(expected.sort())
}, 60_000)
