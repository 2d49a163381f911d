// Everything the workers noticed since the node started, as the API tells it.

import type { UnparsedOutput, WirePattern } from '../../core/api.ts'
import { Clusters, type Template } from './clusters.ts'
import type { Stop } from './explain.ts'
import type { Explainer } from './explainer.ts'
import type { UnparsedReport } from './observe.ts'

/** Templates an answer has at most, the most frequent ones. */
const MOST_TOLD = 200
/** Of these, the first are explained; others when they become frequent. */
const MOST_EXPLAINED = 20
const MAX_STOPS = 2000

export class UnparsedBook {
  readonly #since: number
  readonly #ownFolder: string
  readonly #clusters = new Clusters()
  readonly #patterns = new Map<string, WirePattern & { timed: number; timedMs: number }>()
  readonly #explainer: Explainer
  /** By sample: a template keeps its first. */
  readonly #stops = new Map<string, Stop | undefined>()

  /** @param ownFolder where our own packs are: places in it are told without it */
  constructor(explainer: Explainer, now: number, ownFolder: string) {
    this.#explainer = explainer
    this.#since = now
    this.#ownFolder = ownFolder
  }

  merge({ templates, other, tallies }: UnparsedReport): void {
    for (const template of templates) this.#clusters.merge(template)
    this.#clusters.addOther(other)
    for (const { pack, place, pattern, tried, hits, timed, ms } of tallies) {
      const key = `${pack}\0${place ?? ''}`
      let had = this.#patterns.get(key)
      if (!had) {
        had = {
          pack,
          ...(place !== undefined && { place, pattern }),
          tried: 0,
          hits: 0,
          misses: 0,
          ms: 0,
          timed: 0,
          timedMs: 0,
        }
        this.#patterns.set(key, had)
      }
      had.tried += tried
      had.hits += hits
      had.misses += tried - hits
      had.timed += timed
      had.timedMs += ms
      had.ms = had.timed > 0 ? (had.timedMs / had.timed) * had.tried : 0
    }
  }

  /** Most frequent first. Patterns are asked where they stopped when somebody wants to know. */
  async tell(): Promise<UnparsedOutput> {
    const templates = [...this.#clusters.list()].sort((a, b) => b.count - a.count || b.lastSeen - a.lastSeen)
    for (const template of templates.slice(0, MOST_EXPLAINED)) await this.#explain(template)
    return {
      since: this.#since,
      other: this.#clusters.other + templates.slice(MOST_TOLD).reduce((sum, { count }) => sum + count, 0),
      templates: templates.slice(0, MOST_TOLD).map((template) => {
        const { source, reason, dataset, program, words, count, sample, firstSeen, lastSeen } = template
        const stopped = this.#stops.get(keyOf(template))
        return {
          source,
          reason,
          ...(dataset !== undefined && { dataset }),
          ...(program !== undefined && { program }),
          template: words.join(' '),
          count,
          sample,
          firstSeen,
          lastSeen,
          ...(stopped && { stopped: { ...stopped, place: this.#short(stopped.place) } }),
        }
      }),
      patterns: [...this.#patterns.values()]
        .sort((a, b) => b.ms - a.ms)
        .map(({ timed: _timed, timedMs: _ms, place, ...pattern }) => ({
          ...pattern,
          ...(place !== undefined && { place: this.#short(place) }),
        })),
    }
  }

  #short(place: string): string {
    return place.startsWith(this.#ownFolder) ? place.slice(this.#ownFolder.length + 1) : place
  }

  async #explain(template: Template): Promise<void> {
    const key = keyOf(template)
    if (this.#stops.has(key)) return
    if (this.#stops.size >= MAX_STOPS) this.#stops.clear()
    const { sample, dataset, program } = template
    this.#stops.set(key, await this.#explainer.explain({ sample, dataset, program }))
  }
}

const keyOf = ({ dataset, program, sample }: Template) => `${dataset ?? ''}\0${program ?? ''}\0${sample}`
