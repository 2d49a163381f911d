// The standard pattern names, in our own words: patterns/*.grok, each definition in both spellings of its fields.
//
//   NAME expression                  both spellings
//   @ecs NAME expression             ecs-v1 only      @legacy NAME expression    legacy only
//   %{SYNTAX:[ecs][name]:int~legacy_name}             a field's two spellings; '-' captures nothing in that one

import { readdirSync, readFileSync } from 'node:fs'
import { PipelineError } from '../../core/errors.ts'
import { loadPatternFile } from './pattern-file.ts'

const folder = new URL('./patterns/', import.meta.url)
const loaded = new Map<boolean, ReadonlyMap<string, string>>()

/** @param ecs ecs-v1 field names (default), or the names of before */
export function standardPatterns(ecs = true): ReadonlyMap<string, string> {
  let patterns = loaded.get(ecs)
  if (!patterns) loaded.set(ecs, (patterns = readFolder(ecs)))
  return patterns
}

function readFolder(ecs: boolean): Map<string, string> {
  const all = new Map<string, string>()
  for (const file of readdirSync(folder).sort()) {
    if (!file.endsWith('.grok')) continue
    const text = spell(readFileSync(new URL(file, folder), 'utf8'), ecs)
    for (const [name, expression] of loadPatternFile(text, file)) {
      if (all.has(name))
        throw new PipelineError('GROK_INVALID', { place: file, column: 1, problem: `${name} is defined twice` })
      all.set(name, expression)
    }
  }
  return all
}

/** Chooses one spelling; exported for its test. */
export function spell(text: string, ecs: boolean): string {
  const mine = ecs ? '@ecs ' : '@legacy '
  const other = ecs ? '@legacy ' : '@ecs '
  return text
    .split('\n')
    .filter((line) => !line.startsWith(other))
    .map((line) => (line.startsWith(mine) ? line.slice(mine.length) : line))
    .join('\n')
    .replaceAll(/(%\{\w+|\(\?<)(:?)([^}>~=!\s]*)~([^}>\s]*)([}>])/g, (_all, head, colon, first, second, end) => {
      const field = ecs ? first : second
      if (field !== '-') return head + colon + field + end
      return head === '(?<' ? '(?:' : head + end
    })
}
