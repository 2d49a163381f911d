import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { refusals } from './reasons.ts'

test('docs/metrics.md lists every reason of refusal in its own words, and no other', () => {
  const page = readFileSync(new URL('../docs/metrics.md', import.meta.url), 'utf8')
  const table = page.slice(page.indexOf('## Reasons of refusal'))
  const listed = Object.fromEntries([...table.matchAll(/^\| `(\w+)` \| (.+) \|$/gm)].map((m) => [m[1], m[2]]))
  expect(listed).toEqual(refusals)
})
