// The tests that a rule file carries: events, or raw lines, that must or must not make the rule alert.
//
//   haetae:
//     controls: [pci-dss:10.2.1.4]                  what the rule is evidence for
//     lists: {allowed_images: [web]}                values of `expand` placeholders, for these tests only
//     tests:
//       - name: eight failures in four minutes
//         match: true
//         events:
//           - {event.outcome: failure, user.name: kim}             dotted ECS names
//           - {at: 30s, times: 8, every: 10s, event: {...}}        when, after the first, and how often
//           - {raw: '<38>Nov 22 10:00:00 web1 sshd[8]: ...'}       through the parser first

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { type EcsEvent, type FlatEvent, nest } from '../../core/event.ts'

export interface RuleTestEvent {
  /** ms after the first */
  readonly atMs: number
  readonly event?: EcsEvent
  readonly raw?: string
}

export interface RuleTest {
  readonly name: string
  readonly match: boolean
  readonly events: readonly RuleTestEvent[]
}

/** One document of a rule file and what our own block in it says. */
export interface RuleDocument {
  readonly file: string
  readonly id: string
  readonly title: string
  readonly correlation: boolean
  readonly controls: readonly string[]
  /** Placeholder -> values, for the tests of all rules. */
  readonly lists: Readonly<Record<string, readonly string[]>>
  readonly tests: readonly RuleTest[]
}

const units: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

function milliseconds(text: unknown): number {
  const found = /^(\d+)([smhd])$/.exec(String(text ?? '0s'))
  if (!found) throw new TypeError(`'${String(text)}' is not a number and one of s m h d`)
  return Number(found[1]) * (units[found[2] as string] as number)
}

type Written = Readonly<Record<string, unknown>>

/** @throws TypeError for a test that says nothing that can be run */
export function readRuleTests(text: string, file: string): RuleDocument[] {
  return parseAllDocuments(text).flatMap((document) => {
    const rule = document.toJS() as Written | null
    if (!rule) return []
    const own = (rule['haetae'] ?? {}) as {
      controls?: string[]
      lists?: Record<string, string[]>
      tests?: Written[]
    }
    return {
      file,
      id: String(rule['id']),
      title: String(rule['title']),
      correlation: rule['correlation'] !== undefined,
      controls: own.controls ?? [],
      lists: own.lists ?? {},
      tests: (own.tests ?? []).map((test) => {
        if (typeof test['match'] !== 'boolean' || !Array.isArray(test['events']))
          throw new TypeError(`${file}: test '${String(test['name'])}' wants match: true or false, and events`)
        return {
          name: String(test['name']),
          match: test['match'],
          events: (test['events'] as Written[]).flatMap(expand).sort((a, b) => a.atMs - b.atMs),
        }
      }),
    }
  })
}

function expand(written: Written): RuleTestEvent[] {
  const raw = written['raw']
  const wrapped = written['event'] !== undefined || raw !== undefined
  const one = wrapped ? (written['event'] as FlatEvent | undefined) : (written as FlatEvent)
  const at = wrapped ? milliseconds(written['at']) : 0
  const every = wrapped ? milliseconds(written['every']) : 0
  return Array.from({ length: wrapped ? Number(written['times'] ?? 1) : 1 }, (_, i) => ({
    atMs: at + i * every,
    ...(raw === undefined ? { event: nest(one as FlatEvent) } : { raw: String(raw) }),
  }))
}

/** Every rule file under a folder, with what it carries. */
export function readRuleFolder(folder: string): RuleDocument[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.yml'))
    .sort()
    .flatMap((name) => readRuleTests(readFileSync(join(folder, name), 'utf8'), name))
}
