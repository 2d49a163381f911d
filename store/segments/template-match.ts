// A test on text against templates: decided once a template where its own words say it, and by the variables alone where
// they do not. Whole texts are put together only for values that may match a test on the text as such.

import type { Budget } from './evaluate.ts'
import type { Leaf } from './leaf.ts'
import { type Phrase, scanPhrase } from './phrase.ts'
import { trigramsMayHold } from './template-split.ts'
import type { TemplatedBlock, Templates, TemplateWord } from './templated.ts'

/** Variables that have to be these words, all of them. */
type Constraints = readonly { readonly slot: number; readonly word: string; readonly prefix: boolean }[]

export const Verdict = { no: 0, yes: 1, byVariables: 2 } as const

export interface TemplateAnswer {
  /** A Verdict a template. Of a needle, `yes` means that the text is worth a look. */
  readonly verdicts: Uint8Array
  /** Of those that depend on variables, the ways to match; absent for raw text. */
  readonly ways: ReadonlyMap<number, readonly Constraints[]>
  readonly any: boolean
  /** The verdicts say it all: no variable, and no text, has to be read. */
  readonly settled: boolean
}

/** Whether askTemplates and matchTemplated can tell more than the texts themselves. */
export const isForTemplates = (leaf: Leaf): boolean => leaf.phrase !== undefined || leaf.needle !== undefined

export function askTemplates(leaf: Leaf, templates: Templates): TemplateAnswer {
  const { count } = templates.dictionary
  const verdicts = new Uint8Array(count)
  const ways = new Map<number, Constraints[]>()
  const { needle } = leaf
  const needleInVariables = needle !== undefined && trigramsMayHold(templates.trigrams, needle.word)
  let any = false
  let settled = leaf.phrase !== undefined
  for (let id = 0; id < count; id++) {
    const isRaw = templates.isRaw(id)
    if (leaf.phrase) {
      if (isRaw) verdicts[id] = Verdict.byVariables
      else if (leaf.phrase.ascii) {
        const found = placePhrase(leaf.phrase, templates.words(id))
        if (found === true) verdicts[id] = Verdict.yes
        else if (found.length > 0) {
          verdicts[id] = Verdict.byVariables
          ways.set(id, found)
        }
      }
    } else {
      const { bytes, starts } = templates.dictionary
      const text = bytes.toString('latin1', starts[id], starts[id + 1]).toLowerCase()
      // Outside ASCII letters have other ways to be lower-cased.
      if (isRaw ? needle?.folded : text.includes(needle?.word as string)) verdicts[id] = Verdict.yes
      else if (needleInVariables && (templates.slots[id] as number) > 0) verdicts[id] = Verdict.byVariables
    }
    if (verdicts[id] !== Verdict.no) any = true
    if (verdicts[id] === Verdict.byVariables) settled = false
  }
  return { verdicts, ways, any, settled }
}

/** True: every text of the template holds the phrase. Otherwise each way that variables can complete it. */
function placePhrase({ words, prefix }: Phrase, template: readonly TemplateWord[]): true | Constraints[] {
  const last = words.length - 1
  const ways: Constraints[] = []
  for (let i = 0; i + last < template.length; i++) {
    const constraints: { slot: number; word: string; prefix: boolean }[] = []
    let k = 0
    for (; k <= last; k++) {
      const have = template[i + k] as TemplateWord
      const word = words[k] as string
      const open = prefix && k === last
      if (typeof have === 'string') {
        if (open ? !have.startsWith(word) : have !== word) break
      } else if (!open && !/\d/.test(word))
        break // every variable has a digit
      else constraints.push({ slot: have, word, prefix: open })
    }
    if (k <= last) continue
    if (constraints.length === 0) return true
    ways.push(constraints)
  }
  return ways
}

/** 1 for each value of the block that matches; undefined where none does. */
export function matchTemplated(
  leaf: Leaf,
  answer: TemplateAnswer,
  block: TemplatedBlock,
  budget: Budget,
): Uint8Array | undefined {
  const { ids, count, rows } = block
  const { verdicts } = answer
  const open: number[] = []
  let sure = false
  for (let id = 0; id < rows.length; id++) {
    if (rows[id] === 0) continue
    if (verdicts[id] === Verdict.yes) sure = true
    else if (verdicts[id] === Verdict.byVariables) open.push(id)
  }
  if (!sure && open.length === 0) return undefined
  const hits = new Uint8Array(count)
  if (sure) for (let i = 0; i < count; i++) hits[i] = verdicts[ids[i] as number] === Verdict.yes ? 1 : 0
  if (leaf.phrase) {
    if (open.length > 0) matchVariables(leaf.phrase, answer, block, open, hits)
  } else {
    if (open.length > 0) findNeedle(leaf.needle?.word as string, block, open, hits)
    verify(leaf, block, hits, budget)
  }
  return hits
}

function matchVariables(
  phrase: Phrase,
  { ways }: TemplateAnswer,
  block: TemplatedBlock,
  open: readonly number[],
  hits: Uint8Array,
): void {
  const { bytes, starts } = block.variables
  const { base, rows } = block
  let lower: string | undefined
  for (const id of open) {
    const first = base[id] as number
    const n = rows[id] as number
    let members: Uint32Array | undefined
    const hit = (row: number) => {
      members ??= block.membersOf(id)
      hits[members[row] as number] = 1
    }
    const alternatives = ways.get(id)
    if (!alternatives) {
      const from = starts[first] as number
      const own = starts.subarray(first, first + n + 1).map((start) => start - from)
      scanPhrase(phrase, { bytes: bytes.subarray(from), starts: own }, n, hit)
      continue
    }
    lower ??= bytes.toString('latin1', 0, starts.at(-1)).toLowerCase()
    const text = lower
    const isWord = (variable: number, word: string, prefix: boolean) => {
      const from = starts[variable] as number
      const length = (starts[variable + 1] as number) - 1 - from
      return (prefix ? length >= word.length : length === word.length) && text.startsWith(word, from)
    }
    for (const constraints of alternatives) {
      const [lead, ...others] = constraints
      if (!lead) continue
      const begin = first + lead.slot * n
      const end = starts[begin + n] as number
      let row = 0
      for (let at = text.indexOf(lead.word, starts[begin]); at >= 0 && at < end; ) {
        while ((starts[begin + row + 1] as number) <= at) row++
        const own = row
        if (
          isWord(begin + own, lead.word, lead.prefix) &&
          others.every(({ slot, word, prefix }) => isWord(first + slot * n + own, word, prefix))
        ) {
          hit(own)
        }
        at = text.indexOf(lead.word, starts[begin + own + 1])
      }
    }
  }
}

/** Marks the values with a variable that holds the needle. */
function findNeedle(needle: string, block: TemplatedBlock, open: readonly number[], hits: Uint8Array): void {
  const { bytes, starts } = block.variables
  const { base, rows, templates } = block
  const text = bytes.toString('latin1', 0, starts.at(-1)).toLowerCase()
  for (const id of open) {
    const first = base[id] as number
    const n = rows[id] as number
    const last = first + n * (templates.slots[id] as number)
    const end = starts[last] as number
    let members: Uint32Array | undefined
    let variable = first
    for (let at = text.indexOf(needle, starts[first]); at >= 0 && at < end; at = text.indexOf(needle, at)) {
      while ((starts[variable + 1] as number) <= at) variable++
      members ??= block.membersOf(id)
      hits[members[(variable - first) % n] as number] = 1
      at = starts[variable + 1] as number
    }
  }
}

const FEW = 64

/** Takes the mark from values whose text does not match. */
function verify(leaf: Leaf, block: TemplatedBlock, hits: Uint8Array, budget: Budget): void {
  let marked = 0
  for (let i = 0; i < hits.length; i++) marked += hits[i] as number
  const all = marked > FEW ? block.plain() : undefined
  for (let i = 0, tests = 0; i < hits.length; i++) {
    if (hits[i] === 0) continue
    if ((++tests & 63) === 0) budget.check()
    const text = all
      ? all.bytes.toString('utf8', all.starts[i] as number, (all.starts[i + 1] as number) - 1)
      : block.text(i)
    if (!leaf.text(text)) hits[i] = 0
  }
}
