// How well lines become ECS: every case of ../shared/data/integrations through the real parser, with its family as the
// dataset hint and without. What is compared, and how, is told in docs/score-parse.md.
//
//   score-parse.ts [--family F]... [--set elastic|sekoia] [--verbose] [--fields] [--blind] [--json]

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { ecsAllowedValues } from '../core/ecs-fields.ts'
import type { EcsEvent } from '../core/event.ts'
import type { Parser } from '../core/parser.ts'
import { loadPacks } from '../parsers/packs.ts'
import { createParser } from '../parsers/parser.ts'
import { machineLine } from './machine.ts'

type Flat = Record<string, unknown>

interface Case {
  readonly id: string
  readonly family: string
  readonly source: string
  readonly raw: string
  /** What is compared: dotted field -> value. */
  readonly expected: Flat
}

interface Miss {
  readonly field: string
  readonly expected: unknown
  readonly got: unknown
  readonly core: boolean
  readonly id: string
  readonly raw: string
}

interface Tally {
  cases: number
  core: number
  coreHit: number
  both: number
  agree: number
  extra: number
  unparsed: number
  /** Read by a pack of another module than with the hint. */
  elsewhere: number
  readonly misses: Miss[]
}

const root = join(import.meta.dirname, '..')
const shared = process.env['HAETAE_SHARED_DATA'] ?? join(root, '../shared/data')

/** Field sets whose every leaf is core, and leaves of others. The list of docs/score-parse.md. */
const CORE_SETS = /^(?:process|url|http|file|network|dns|rule)\./
const CORE_ENDS = /^(?:source|destination|client|server|host)\.(?:ip|address|port|domain)$/
const CORE_LEAVES = new Set([
  '@timestamp',
  'host.name',
  'host.hostname',
  'user.name',
  'user.domain',
  'user.id',
  'source.user.name',
  'destination.user.name',
  'user_agent.original',
  'event.kind',
  'event.category',
  'event.type',
  'event.action',
  'event.outcome',
  'event.code',
  'event.reason',
  'event.id',
  'event.provider',
  'event.severity',
  'event.start',
  'event.end',
  'event.duration',
])

const IGNORED = new Set([
  'event.ingested',
  'event.created',
  'event.module',
  'event.dataset',
  'event.timezone',
  'event.original',
  'ecs.version',
  'tags',
  'log.flags',
  'log.original',
  'message',
  'network.community_id',
])
const IGNORED_SETS =
  /^(?:agent|user_agent\.(?!original$)|haetae|labels)\.?|\.geo\.|\.as\.|^(?:input|fileset|service\.type|log\.(?:offset|file|source))/
/** A generic parser made these expectations: only this much of them is worth comparing. */
const SQUID_ELASTIC =
  /^(?:source|destination|client|server)\.(?:ip|address|port)$|^url\.|^http\.(?:request\.method|response\.status_code)$/

export const isCore = (field: string) => CORE_LEAVES.has(field) || CORE_ENDS.test(field) || CORE_SETS.test(field)

function readEcsFields(): Set<string> {
  const file = join(shared, 'ecs/ecs-8.10-fields.csv')
  return new Set(
    readFileSync(file, 'utf8')
      .split('\n')
      .slice(1)
      .map((line) => line.split(',', 1)[0] as string),
  )
}

/** Dotted fields of nested objects; a list stays a list. */
function flatten(value: unknown, path = '', out: Flat = {}): Flat {
  if (value !== null && typeof value === 'object' && !Array.isArray(value)) {
    for (const [key, inner] of Object.entries(value)) flatten(inner, path === '' ? key : `${path}.${key}`, out)
  } else if (value !== undefined && value !== null) out[path] = value
  return out
}

function readCases(folder: string, ecs: ReadonlySet<string>): Case[] {
  const cases: Case[] = []
  for (const name of readdirSync(folder).sort()) {
    if (!name.endsWith('.jsonl')) continue
    for (const line of readFileSync(join(folder, name), 'utf8').split('\n')) {
      if (line === '') continue
      const one = JSON.parse(line) as Record<string, unknown>
      const raw = typeof one['raw'] === 'string' ? one['raw'] : JSON.stringify(one['event'])
      cases.push({
        id: String(one['id']),
        family: String(one['family']),
        source: folder.endsWith('sekoia') ? 'sekoia' : 'elastic',
        raw,
        expected: comparable(one, ecs, folder.endsWith('elastic')),
      })
    }
  }
  return cases
}

/** What is fair to expect of a case: ECS fields, but for the ignored, and what only its envelope knows. */
function comparable(one: Record<string, unknown>, ecs: ReadonlySet<string>, elastic: boolean): Flat {
  const envelope = flatten(one['envelope'] ?? {})
  const out: Flat = {}
  for (const [field, value] of Object.entries(one['expected'] as Flat)) {
    if (!ecs.has(field) || IGNORED.has(field) || IGNORED_SETS.test(field)) continue
    if (elastic && one['family'] === 'squid' && !SQUID_ELASTIC.test(field)) continue
    if (field in envelope) continue
    const allowed = ecsAllowedValues[field]
    // words of ECS 1.x that later versions do not allow
    const kept = allowed ? list(value).filter((word) => allowed.has(word as string)) : list(value)
    if (kept.length > 0) out[field] = kept.length === 1 ? kept[0] : kept
  }
  return out
}

function readKorean(): Case[] {
  const file = join(shared, 'korean/vectors.jsonl')
  if (!existsSync(file)) {
    console.warn(`SKIPPED: no ${file}`)
    return []
  }
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const one = JSON.parse(line) as { id: string; product: string; raw: string; ecs_suggested: Flat }
      return { id: one.id, family: one.product, source: 'korean', raw: one.raw, expected: one.ecs_suggested }
    })
}

const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : [value])
const isMac = (field: string) => field.endsWith('.mac')
const ZONE = /\d\d:\d\d(?:[.,]\d+)? ?(?:Z|[+-]\d\d:?\d\d|UTC|GMT|CES?T|[ECMP][SD]T|KST|JST)\b|[ ="'][+-]\d{4}\b/
const HOUR_MS = 3_600_000

function sameInstant(expected: unknown, got: unknown, raw: string): boolean {
  let a = Date.parse(String(expected))
  let b = Date.parse(String(got))
  if (Number.isNaN(a) || Number.isNaN(b)) return String(expected) === String(got)
  if (Math.abs(a - b) < 1) return true
  const year = new Date(a).getUTCFullYear()
  const epoch = raw.includes(String(Math.floor(a / 1000)))
  if (!epoch && !raw.includes(String(year)) && !raw.includes(`${String(year).slice(2)}/`)) {
    a = new Date(a).setUTCFullYear(2024)
    b = new Date(b).setUTCFullYear(2024)
  }
  const apart = Math.abs(a - b)
  if (apart < 1) return true
  return !epoch && !ZONE.test(raw) && apart <= 14 * HOUR_MS && apart % (HOUR_MS / 4) === 0
}

function plain(field: string, value: unknown): string {
  if (value !== null && typeof value === 'object') return JSON.stringify(value)
  const text = String(value)
  if (isMac(field)) return text.toLowerCase().replaceAll(/[:.-]/g, '')
  // numbers and numeric texts are equal
  return /^-?\d{1,15}(?:\.\d+)?$/.test(text) ? String(Number(text)) : text
}

export function same(field: string, expected: unknown, got: unknown, raw: string): boolean {
  if (field === '@timestamp' || field === 'event.start' || field === 'event.end')
    return sameInstant(list(expected)[0], list(got)[0], raw)
  const a = new Set(list(expected).map((one) => plain(field, one)))
  const b = new Set(list(got).map((one) => plain(field, one)))
  return a.size === b.size && [...a].every((one) => b.has(one))
}

const newTally = (): Tally => ({
  cases: 0,
  core: 0,
  coreHit: 0,
  both: 0,
  agree: 0,
  extra: 0,
  unparsed: 0,
  elsewhere: 0,
  misses: [],
})

function parse(parser: Parser, one: Case, dataset: string | undefined): { flat: Flat; unparsed: string | undefined } {
  const origin = { source: 'score', kind: 'syslog', peer: '192.0.2.1', ...(dataset ? { dataset } : {}) } as const
  const { event, unparsed } = parser.parse({ bytes: Buffer.from(one.raw), origin, receivedAtMs: Date.now(), flags: 0 })
  return { flat: flatten(JSON.parse(JSON.stringify(event)) as EcsEvent), unparsed }
}

function judge(tally: Tally, one: Case, flat: Flat, unparsed: string | undefined, ecs: ReadonlySet<string>): void {
  tally.cases++
  if (unparsed) tally.unparsed++
  for (const [field, expected] of Object.entries(one.expected)) {
    const core = isCore(field)
    const got = flat[field]
    const hit = got !== undefined && same(field, expected, got, one.raw)
    if (core) {
      tally.core++
      if (hit) tally.coreHit++
    }
    if (got !== undefined) {
      tally.both++
      if (hit) tally.agree++
    }
    if (!hit) tally.misses.push({ field, expected, got, core, id: one.id, raw: one.raw })
  }
  for (const field of Object.keys(flat))
    if (ecs.has(field) && !(field in one.expected) && !IGNORED.has(field) && !IGNORED_SETS.test(field)) tally.extra++
}

const share = (part: number, whole: number) => (whole === 0 ? Number.NaN : part / whole)
const show = (figure: number) => (Number.isNaN(figure) ? '   - ' : figure.toFixed(3))
const mean = (figures: readonly number[]) => {
  const known = figures.filter((figure) => !Number.isNaN(figure))
  return known.reduce((sum, figure) => sum + figure, 0) / known.length
}
const row = (name: string, cells: readonly string[]) =>
  `${name.padEnd(22)}${cells.map((cell) => cell.padStart(9)).join('')}`

interface FamilyScore {
  readonly family: string
  readonly hinted: Tally
  readonly blind: Tally
}

function score(parser: Parser, cases: readonly Case[], ecs: ReadonlySet<string>): FamilyScore[] {
  const families = new Map<string, FamilyScore>()
  for (const one of cases) {
    let found = families.get(one.family)
    if (!found) {
      found = { family: one.family, hinted: newTally(), blind: newTally() }
      families.set(one.family, found)
    }
    const hinted = parse(parser, one, one.family)
    const blind = parse(parser, one, undefined)
    judge(found.hinted, one, hinted.flat, hinted.unparsed, ecs)
    judge(found.blind, one, blind.flat, blind.unparsed, ecs)
    if (hinted.flat['event.module'] !== blind.flat['event.module']) found.blind.elsewhere++
  }
  return [...families.values()].sort((a, b) => (a.family < b.family ? -1 : 1))
}

function printTable(scores: readonly FamilyScore[]): void {
  const head = ['cases', 'recall', 'precis.', 'unparsed', 'recall', 'precis.', 'unparsed', 'elsewh.', 'extra']
  console.log(row('', ['', 'with the', 'hint', '', 'without', '', '', '', '']))
  console.log(row('family', head))
  const recall = (tally: Tally) => share(tally.coreHit, tally.core)
  const precision = (tally: Tally) => share(tally.agree, tally.both)
  const unparsed = (tally: Tally) => share(tally.unparsed, tally.cases)
  for (const { family, hinted, blind } of scores)
    console.log(
      row(family, [
        String(hinted.cases),
        show(recall(hinted)),
        show(precision(hinted)),
        show(unparsed(hinted)),
        show(recall(blind)),
        show(precision(blind)),
        show(unparsed(blind)),
        show(share(blind.elsewhere, blind.cases)),
        (hinted.extra / hinted.cases).toFixed(1),
      ]),
    )
  const means = [(s: FamilyScore) => s.hinted, (s: FamilyScore) => s.blind].flatMap((side) =>
    [recall, precision, unparsed].map((figure) => show(mean(scores.map((s) => figure(side(s)))))),
  )
  console.log(row('MEAN', [String(scores.reduce((sum, s) => sum + s.hinted.cases, 0)), ...means]))
}

function printMisses(scores: readonly FamilyScore[], blind: boolean, verbose: boolean): void {
  for (const one of scores) {
    const { misses } = blind ? one.blind : one.hinted
    const byField = Map.groupBy(misses, (miss) => miss.field)
    console.log(`\n${one.family}: misses by field (core marked *), missing/different`)
    for (const [field, some] of [...byField].sort((a, b) => b[1].length - a[1].length)) {
      const missing = some.filter((miss) => miss.got === undefined).length
      console.log(`  ${isCore(field) ? '*' : ' '} ${field.padEnd(36)} ${missing}/${some.length - missing}`)
    }
    if (!verbose) continue
    for (const [id, some] of Map.groupBy(misses, (miss) => miss.id)) {
      console.log(`\n${id}\n  ${(some[0] as Miss).raw.slice(0, 1200)}`)
      for (const { field, expected, got, core } of some)
        console.log(`  ${core ? '*' : ' '} ${field}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(got)}`)
    }
  }
}

function main(): void {
  const { values } = parseArgs({
    options: {
      family: { type: 'string', multiple: true },
      set: { type: 'string' },
      verbose: { type: 'boolean', default: false },
      fields: { type: 'boolean', default: false },
      blind: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  })
  const folder = join(shared, 'integrations')
  if (!existsSync(folder)) {
    console.warn(`SKIPPED: no ${folder}; nothing was scored`)
    return
  }
  const ecs = readEcsFields()
  const all = [...readCases(join(folder, 'elastic'), ecs), ...readKorean()]
  if (existsSync(join(folder, 'sekoia'))) all.push(...readCases(join(folder, 'sekoia'), ecs))
  else console.warn(`SKIPPED: no ${join(folder, 'sekoia')}`)
  const wanted = all.filter(
    (one) => (!values.family || values.family.includes(one.family)) && (!values.set || one.source === values.set),
  )
  const parser = createParser({ packs: loadPacks(join(root, 'parsers/packs')) })
  const scores = score(parser, wanted, ecs)
  if (values.json) {
    for (const { family, hinted, blind } of scores)
      console.log(
        JSON.stringify({ family, hinted: { ...hinted, misses: undefined }, blind: { ...blind, misses: undefined } }),
      )
    return
  }
  console.log(machineLine())
  printTable(scores)
  if (values.verbose || values.fields) printMisses(scores, values.blind, values.verbose)
}

main()
