// What a worker notices of lines that were not read, and of the packs that tried: gathered there, sent home now and then.

import { type EcsEvent, getPath } from '../../core/event.ts'
import type { Parsed } from '../../core/parser.ts'
import type { Pack } from '../pack/pack.ts'
import { Clusters, type Template } from './clusters.ts'
import { drainTally, type Tally } from './tally.ts'

export interface PatternTally extends Tally {
  readonly pack: string
  /** `file:line` of a grok step; undefined for the pack as a whole. */
  readonly place: string | undefined
  readonly pattern: string | undefined
}

/** Plain data, from a worker to the main thread. */
export interface UnparsedReport {
  readonly templates: readonly Template[]
  readonly other: number
  readonly tallies: readonly PatternTally[]
}

/** The tag of lines whose sender is known and whose body is not (docs/packs.md). */
const BODY_UNREAD = 'body_unread'

export interface Observer {
  /** Looks at an event as it will be stored: enriched and masked. */
  see(parsed: Parsed): void
  /** Undefined when there is nothing new. */
  drain(): UnparsedReport | undefined
}

export function observeUnparsed(packs: readonly Pack[]): Observer {
  const clusters = new Clusters()
  return {
    see({ event, unparsed }) {
      const reason = unparsed ?? (isUnread(event) ? BODY_UNREAD : undefined)
      if (reason === undefined) return
      clusters.add({
        source: text(event, 'haetae.source') ?? '',
        reason,
        dataset: text(event, 'event.dataset'),
        program: text(event, 'process.name'),
        line: text(event, 'message') ?? text(event, 'event.original') ?? '',
        receivedAtMs: Date.parse(text(event, 'event.created') ?? ''),
      })
    },
    drain() {
      const tallies: PatternTally[] = []
      for (const { name, counts, groks } of packs) {
        if (counts.tried > 0) tallies.push({ pack: name, place: undefined, pattern: undefined, ...drainTally(counts) })
        for (const step of groks)
          if (step.tried > 0)
            tallies.push({ pack: name, place: step.place, pattern: step.patterns[0], ...drainTally(step) })
      }
      const { templates, other } = clusters.drain()
      return templates.length + other + tallies.length > 0 ? { templates, other, tallies } : undefined
    },
  }
}

function isUnread({ tags }: EcsEvent): boolean {
  return Array.isArray(tags) && tags.includes(BODY_UNREAD)
}

function text(event: EcsEvent, path: string): string | undefined {
  const value = getPath(event, path)
  return typeof value === 'string' ? value : undefined
}
