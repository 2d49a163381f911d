// May a search that begins anywhere take time square to the line? It does when a run goes over characters at which
// another match may begin: each of those starts goes over the rest of the same run.

import { anySet, type CharSet, isSubset, newlineSet, overlaps } from './charset.ts'
import { guardStart } from './emit.ts'
import { allOf, anchorOf, first } from './first.ts'
import { asRun, bare, type Node, widths } from './ir.ts'
import { alwaysMatches } from './safety.ts'

/** Longer parts count as endless. */
const SHORT = 64

/** Errs on the side of true. */
export function mayBeQuadratic(tree: Node): boolean {
  const anchor = anchorOf(tree)
  if (anchor === 'start') return false
  if (anchor === 'line') return crosses(tree, true, (set) => overlaps(set, newlineSet))
  const guarded = bare(guardStart(tree))
  const branches = guarded.t === 'alt' ? guarded.items : [guarded]
  return branches.some((branch) => {
    const run = guardedRun(branch)
    if (run) {
      // matches begin where such a run does: another such place lies beyond a character of something else
      return crosses(branch, true, (set) => overlaps(set, run) && !isSubset(set, run))
    }
    const begin = first(branch)
    const begins = begin && !begin.empty ? begin.set : anySet
    return crosses(branch, true, (set) => overlaps(set, begins))
  })
}

/** The set of the run that a branch begins with, when emit.ts has it begin at the first character of the run only. */
function guardedRun(branch: Node): CharSet | undefined {
  const node = bare(branch)
  if (node.t !== 'seq') return undefined
  const head = node.items[0]
  if (!head) return undefined
  if (head.t !== 'look') return guardedRun(head)
  const at = node.items.findIndex((item) => item.t !== 'look')
  const guard = node.items[at - 1]
  const [next, third] = node.items.slice(Math.max(0, at), at + 2)
  if (!next || guard?.t !== 'look' || !guard.behind || !guard.negate) return undefined
  const run = asRun(next)
  if (run) return run.min > 0 ? run.set : undefined
  return bare(next).t === 'set' && third ? asRun(third)?.set : undefined
}

/** Whether a long repetition, after which the match may fail, can go over a place where another match begins. */
function crosses(node: Node, last: boolean, begins: (set: CharSet) => boolean): boolean {
  switch (node.t) {
    case 'seq':
      return node.items.some((item, i) => {
        const end = last && node.items.slice(i + 1).every(alwaysMatches)
        return crosses(item, end, begins)
      })
    case 'alt':
      return node.items.some((item) => crosses(item, last, begins))
    case 'cap':
    case 'ref':
    case 'atomic':
      return crosses(node.body, last, begins)
    case 'look':
      return crosses(node.body, false, begins)
    case 'rep': {
      if (widths(node)[1] <= SHORT) return false
      // nothing after it can fail, nor can it: who comes here has matched
      if (last && (node.min === 0 || (node.min <= SHORT && bare(node.body).t === 'set'))) return false
      if (node.max > 1 && begins(allOf(node))) return true
      return crosses(node.body, last && node.max <= 1, begins)
    }
    case 'back':
      return true
    default:
      return false
  }
}
