// Templates of lines, gathered as they come (after Drain: P. He et al., ICWS 2017): a line joins the template of the same
// source, reason and length with which it shares at least half of its words, and the words that differ become `*`.
//
//   source, reason, number of words, first word -> templates [words, count, sample]
//
// Memory is bounded: a template more than there may be is not kept, but its lines are counted.

import { WILD, wordsOf } from './template.ts'

export interface UnparsedLine {
  readonly source: string
  readonly reason: string
  /** Pack or dataset somebody named for the line, if any. */
  readonly dataset: string | undefined
  /** Program in its syslog tag, if any. */
  readonly program: string | undefined
  readonly line: string
  readonly receivedAtMs: number
}

export interface Template extends Omit<UnparsedLine, 'line' | 'receivedAtMs'> {
  readonly words: readonly string[]
  readonly count: number
  /** One line of it, its first. */
  readonly sample: string
  readonly firstSeen: number
  readonly lastSeen: number
}

interface Group {
  words: string[]
  count: number
  /** Of the first line, whole until `maxSample`. */
  template: Template
  firstSeen: number
  lastSeen: number
}

export interface ClusterLimits {
  readonly perSource: number
  readonly total: number
  readonly sampleChars: number
}

const defaultLimits: ClusterLimits = { perSource: 200, total: 2000, sampleChars: 2048 }
const LEAST_LIKE = 0.5
/** Groups a line is compared with. */
const MOST_COMPARED = 50

export class Clusters {
  readonly #limits: ClusterLimits
  readonly #buckets = new Map<string, Group[]>()
  readonly #perSource = new Map<string, number>()
  #total = 0
  #other = 0

  constructor(limits: Partial<ClusterLimits> = {}) {
    this.#limits = { ...defaultLimits, ...limits }
  }

  add(found: UnparsedLine): void {
    const { line, receivedAtMs, ...about } = found
    const sample = line.slice(0, this.#limits.sampleChars)
    this.merge({ ...about, words: wordsOf(line), count: 1, sample, firstSeen: receivedAtMs, lastSeen: receivedAtMs })
  }

  /** Lines that another thread gathered. */
  merge(template: Template): void {
    const { source, words, count, firstSeen, lastSeen } = template
    const key = keyOf(template)
    let bucket = this.#buckets.get(key)
    const group = bucket && mostLike(bucket, words)
    if (group) {
      for (let i = 0; i < words.length; i++) if (group.words[i] !== words[i]) group.words[i] = WILD
      group.count += count
      group.firstSeen = Math.min(group.firstSeen, firstSeen)
      group.lastSeen = Math.max(group.lastSeen, lastSeen)
      return
    }
    const ofSource = this.#perSource.get(source) ?? 0
    if (ofSource >= this.#limits.perSource || this.#total >= this.#limits.total) {
      this.#other += count
      return
    }
    this.#perSource.set(source, ofSource + 1)
    this.#total++
    if (!bucket) this.#buckets.set(key, (bucket = []))
    bucket.push({ words: [...words], count, template, firstSeen, lastSeen })
  }

  addOther(count: number): void {
    this.#other += count
  }

  /** Lines whose template found no room. */
  get other(): number {
    return this.#other
  }

  *list(): Generator<Template> {
    for (const bucket of this.#buckets.values())
      for (const { words, count, template, firstSeen, lastSeen } of bucket)
        yield { ...template, words, count, firstSeen, lastSeen }
  }

  /** What was gathered since the last time; the templates stay, so that later lines find them. */
  drain(): { templates: Template[]; other: number } {
    const templates: Template[] = []
    for (const bucket of this.#buckets.values())
      for (const group of bucket) {
        if (group.count === 0) continue
        templates.push({
          ...group.template,
          words: [...group.words],
          count: group.count,
          firstSeen: group.firstSeen,
          lastSeen: group.lastSeen,
        })
        group.count = 0
        group.firstSeen = Number.POSITIVE_INFINITY
      }
    const other = this.#other
    this.#other = 0
    return { templates, other }
  }
}

/** Words at the beginning tell templates apart best; one that is a value tells nothing. */
const keyOf = ({ source, reason, dataset, program, words }: Template): string =>
  `${source}\0${reason}\0${dataset ?? ''}\0${program ?? ''}\0${words.length}\0${words[0] ?? ''}`

function mostLike(bucket: readonly Group[], words: readonly string[]): Group | undefined {
  let best: Group | undefined
  let most = LEAST_LIKE * words.length
  for (let i = 0; i < bucket.length && i < MOST_COMPARED; i++) {
    const group = bucket[i] as Group
    let like = 0
    for (let j = 0; j < words.length; j++) if (group.words[j] === words[j] || group.words[j] === WILD) like++
    if (like >= most) {
      if (like === words.length) return group
      most = like + 1
      best = group
    }
  }
  return best
}
