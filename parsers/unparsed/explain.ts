// Where the best pattern for a line stopped: of the packs somebody named for it, the grok step that read furthest.

import { debugGrok } from '../grok/debug.ts'
import type { PackChooser } from '../pack/choose.ts'
import type { Pack } from '../pack/pack.ts'

export interface Question {
  readonly sample: string
  readonly dataset: string | undefined
  readonly program: string | undefined
}

export interface Stop {
  readonly pack: string
  readonly place: string
  readonly pattern: string
  /** 1-based. */
  readonly column: number
  /** The element that did not fit. */
  readonly wanted: string
  /** What the line has there. */
  readonly found: string
}

/** @returns undefined when nobody named a pack, or no pattern of it reads a single character */
export function explainStop(packs: readonly Pack[], choose: PackChooser, question: Question): Stop | undefined {
  const { sample, dataset, program } = question
  const named = new Set<Pack>([
    ...(dataset === undefined ? [] : choose.ofHint(dataset)),
    ...(program === undefined ? [] : choose.ofProgram(program)),
  ])
  let best: Stop | undefined
  let furthest = 0
  for (const pack of packs) {
    if (!named.has(pack)) continue
    for (const step of pack.groks) {
      if (!step.ofBody) continue
      for (const pattern of step.patterns) {
        const seen = debugGrok(pattern, sample, {
          patterns: step.definitions,
          place: step.place,
          anchored: step.anchored,
        })
        if (seen.text.length <= furthest) continue
        furthest = seen.text.length
        const wanted = seen.matched ? 'the end of the line' : seen.wanted?.name || seen.wanted?.source || 'nothing more'
        best = { pack: pack.name, place: step.place, pattern, column: seen.column, wanted, found: seen.found }
      }
    }
  }
  return best
}
