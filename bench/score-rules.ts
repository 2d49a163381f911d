// How well our own rules see recorded cases: ../shared/data/k8s-audit (Falco's cases) and ../shared/data/panther. Every
// event goes through the real parser and the real detector. What counts as right is told in docs/score-rules.md.
//
//   score-rules.ts [--family F]... [--packs DIR]... [--verbose] [--json]

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { parse as parseYaml } from 'yaml'
import type { EcsEvent } from '../core/event.ts'
import { setPath } from '../core/event.ts'
import type { Parser } from '../core/parser.ts'
import { readRuleFolder } from '../correlator/rules/rule-tests.ts'
import { compileDetector, type SigmaDetector } from '../correlator/sigma/engine.ts'
import { loadRules } from '../correlator/sigma/load.ts'
import { loadPacks } from '../parsers/packs.ts'
import { createParser } from '../parsers/parser.ts'
import { machineLine } from './machine.ts'
import { scoreCorrelations } from './score-correlations.ts'
import {
  falcoActivity,
  falcoLists,
  falcoNotApplicable,
  falcoRules,
  pantherFamilies,
  pantherLists,
  pantherNotApplicable,
  pantherRules,
} from './score-rules-map.ts'

type Json = { [key: string]: Json } | Json[] | string | number | boolean | null
type JsonObject = { [key: string]: Json }

interface Score {
  readonly family: string
  cases: number
  right: number
  rules: number
  rulesRight: number
  /** Cases whose event no pack of its family read: the vendor's own object went to the rules. */
  plain: number
  unmapped: number
  readonly misses: string[]
  readonly notApplicable: string[]
}

const root = join(import.meta.dirname, '..')
const shared = process.env['HAETAE_SHARED_DATA'] ?? join(root, '../shared/data')
const rulesFolder = join(root, 'correlator/rules')
const AT = Date.UTC(2026, 0, 1)
const filterFolders: string[] = []

const newScore = (family: string): Score => ({
  family,
  cases: 0,
  right: 0,
  rules: 0,
  rulesRight: 0,
  plain: 0,
  unmapped: 0,
  misses: [],
  notApplicable: [],
})

const readLines = (file: string): JsonObject[] =>
  readFileSync(file, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as JsonObject)

const isObject = (value: unknown): value is JsonObject =>
  value !== null && typeof value === 'object' && !Array.isArray(value)

/** File under correlator/rules, without .yml -> ids of its documents. */
function idsByFile(): Map<string, string[]> {
  const ids = new Map<string, string[]>()
  for (const { file, id } of readRuleFolder(rulesFolder)) {
    const name = file.replace(/\.yml$/, '')
    ids.set(name, [...(ids.get(name) ?? []), id])
  }
  return ids
}

const files = idsByFile()

function idsOf(names: readonly string[]): Set<string> {
  const ids = new Set<string>()
  for (const name of names) {
    const found = files.get(name)
    if (!found) throw new Error(`score-rules-map.ts names correlator/rules/${name}.yml, which is not there`)
    for (const id of found) ids.add(id)
  }
  return ids
}

/** Through the packs; where none of the family reads it, the vendor's object as it is, named by its dataset. */
function toEvent(parser: Parser, raw: JsonObject, dataset: string): { event: EcsEvent; plain: boolean } {
  const origin = { source: 'score', kind: 'http', peer: '192.0.2.1', dataset } as const
  const bytes = Buffer.from(JSON.stringify(raw))
  const { event, unparsed } = parser.parse({ bytes, origin, receivedAtMs: AT, flags: 0 })
  const module = isObject(event['event'] as Json) ? (event['event'] as JsonObject)['module'] : undefined
  if (!unparsed && module !== 'json') return { event, plain: false }
  return { event: { ...raw, event: { dataset } } as EcsEvent, plain: true }
}

const fires = (detector: SigmaDetector, event: EcsEvent, ids: ReadonlySet<string>): boolean =>
  detector.detect(event, 'e', AT, 0, 0).some(({ ruleId }) => ids.has(ruleId))

// --- Falco ---

type Lists = Map<string, string[]>

/** Lists of Falco's rule files: `list` with `items`, which may name other lists; `append` adds. */
function readFalcoLists(texts: readonly string[]): { lists: Lists; macros: Map<string, string> } {
  const lists: Lists = new Map()
  const macros = new Map<string, string>()
  for (const text of texts)
    for (const entry of (parseYaml(text) ?? []) as JsonObject[]) {
      if (typeof entry['list'] === 'string') {
        const before = entry['append'] === true ? (lists.get(entry['list']) ?? []) : []
        lists.set(entry['list'], [...before, ...((entry['items'] ?? []) as Json[]).map(String)])
      } else if (typeof entry['macro'] === 'string') macros.set(entry['macro'], String(entry['condition']))
    }
  return { lists, macros }
}

function flatList(lists: Lists, name: string, depth = 0): string[] {
  if (depth > 8) return []
  return (lists.get(name) ?? []).flatMap((item) => (lists.has(item) ? flatList(lists, item, depth + 1) : item))
}

const imagePatterns = (images: readonly string[]) => images.flatMap((image) => [image, `${image}:*`, `${image}@*`])

/** What the installation of a case allows, in our words: placeholder lists, and filters for images that are trusted. */
function falcoSettings(texts: readonly string[]): { placeholders: Lists; filters: string[]; activity: boolean } {
  const { lists, macros } = readFalcoLists(texts)
  const placeholders: Lists = new Map()
  for (const [name, theirs] of Object.entries(falcoLists.placeholders)) {
    const values = theirs.flatMap((list) => flatList(lists, list))
    if (values.length > 0) placeholders.set(name, values)
  }
  const allowed = macros.get('allowed_k8s_containers') ?? ''
  const images =
    /in \(([^)]*)\)/.exec(allowed)?.[1]?.split(',') ?? /image(?:\.repository)?\s*=\s*([^\s)]+)/.exec(allowed)?.slice(1)
  if (images) placeholders.set('allowed_images', imagePatterns(images.map((image) => image.trim())))
  const filters = Object.entries(falcoLists.trustedImages).flatMap(([rule, theirs]) => {
    const trusted = theirs.flatMap((list) => flatList(lists, list))
    return trusted.length === 0 ? [] : [trustFilter(rule, trusted)]
  })
  // `not jevt.rawtime exists` and `jevt.rawtime=0` are how these files say "never"
  const activity = !/not|never|=0/.test(macros.get('consider_activity_events') ?? '')
  return { placeholders, filters, activity }
}

const trustFilter = (rule: string, images: readonly string[]): string =>
  JSON.stringify({
    title: `trusted images of ${rule}`,
    logsource: { product: 'kubernetes', service: 'audit' },
    filter: {
      rules: [...idsOf([rule])],
      trusted: { 'requestObject.spec.containers.image': imagePatterns(images) },
      condition: 'not trusted',
    },
  })

function scoreFalco(parser: Parser, folder: string): Score {
  const score = newScore('falco')
  const detectors = new Map<string, SigmaDetector>()
  const rules = new Map<string, boolean>()
  for (const one of readLines(join(folder, 'falco-cases.jsonl'))) {
    const name = String(one['test'])
    const expected = one['detect'] === true
    const counts = Object.keys((one['detect_counts'] ?? {}) as JsonObject)
    const why = counts.map((rule) => falcoNotApplicable[rule]).find(Boolean)
    if (why) {
      score.notApplicable.push(`${name}: ${why}`)
      continue
    }
    const overlay = (one['overlay'] ?? {}) as JsonObject
    const texts = (one['rules_files'] as string[]).map((file) => {
      if (typeof overlay[file] === 'string') return overlay[file]
      const path = join(folder, 'falco-rules', file)
      return existsSync(path) ? readFileSync(path, 'utf8') : ''
    })
    const { placeholders, filters, activity } = falcoSettings(texts)
    const key = JSON.stringify([[...placeholders], filters])
    let detector = detectors.get(key)
    if (!detector) {
      detector = detectorWith(placeholders, filters)
      detectors.set(key, detector)
    }
    const watched = expected
      ? counts.flatMap((rule) => falcoRules[rule] ?? [])
      : Object.entries(falcoRules).flatMap(([rule, ours]) => (activity || !falcoActivity.test(rule) ? ours : []))
    const unknown = counts.filter((rule) => !falcoRules[rule])
    const ids = idsOf(watched)
    const events = (one['events'] as JsonObject[]).map((event) => toEvent(parser, event, 'kubernetes.audit').event)
    const got = events.some((event) => fires(detector, event, ids))
    const right = got === expected && unknown.length === 0
    score.cases++
    if (right) score.right++
    else {
      const said = new Set(events.flatMap((event) => detector.detect(event, 'e', AT, 0, 0).map(({ ruleId }) => ruleId)))
      const heard = [...files].filter(([, found]) => found.some((id) => said.has(id))).map(([file]) => file)
      score.misses.push(`${name}: expected ${expected} ${counts.join(', ')}; matched: ${heard.join(' ') || 'nothing'}`)
    }
    for (const rule of counts) rules.set(rule, (rules.get(rule) ?? true) && right)
  }
  score.rules = rules.size
  score.rulesRight = [...rules.values()].filter(Boolean).length
  return score
}

// --- Panther ---

/** The vendor's event: without Panther's own keys, and with what the API server always writes and tests leave out. */
function vendorEvent(event: JsonObject, family: string): JsonObject {
  const out: JsonObject = {}
  for (const [key, value] of Object.entries(event)) if (!key.startsWith('p_')) out[key] = value
  if (/kubernetes|eks/.test(family)) {
    if ('verb' in out) completeAudit(out)
    const { properties } = out // AKS carries the event as a text
    if (isObject(properties) && typeof properties['log'] === 'string') {
      const inner = JSON.parse(properties['log']) as JsonObject
      completeAudit(inner)
      out['properties'] = { ...properties, log: JSON.stringify(inner) }
    }
  }
  // some tests are written in lower case, as a table of a data lake has it; the vendors never write that
  for (const name of vendorNames[family] ?? []) {
    const lower = name.toLowerCase()
    if (!(lower in out)) continue
    out[name] ??= out[lower] as Json
    delete out[lower]
  }
  return out
}

function completeAudit(event: JsonObject): void {
  event['kind'] ??= 'Event'
  event['apiVersion'] ??= 'audit.k8s.io/v1'
  event['auditID'] ??= '00000000-0000-4000-8000-000000000000'
  event['stage'] ??= 'ResponseComplete'
}

/** Names with capitals at the top of the vendors' events. */
const vendorNames: Readonly<Record<string, readonly string[]>> = {
  aws_cloudtrail: (
    'awsRegion eventID eventName eventSource eventTime eventType eventVersion eventCategory userIdentity userAgent ' +
    'requestParameters responseElements errorCode recipientAccountId sourceIPAddress additionalEventData apiVersion'
  ).split(' '),
  okta: 'eventType legacyEventType displayMessage debugContext authenticationContext securityContext'.split(' '),
  gcp_audit: 'protoPayload logName insertId receiveTimestamp'.split(' '),
}

/** What an enrichment stage would have put on the event: the network of the source address. */
function enrich(event: EcsEvent, enrichment: Json | undefined): void {
  if (!isObject(enrichment) || !isObject(enrichment['ipinfo_asn'])) return
  const first = Object.values(enrichment['ipinfo_asn']).flat()[0]
  if (!isObject(first)) return
  const number = /^AS(\d+)$/.exec(String(first['asn']))?.[1]
  if (number) setPath(event, 'source.as.number', Number(number))
  if (typeof first['name'] === 'string') setPath(event, 'source.as.organization.name', first['name'])
}

function scorePanther(parser: Parser, detector: SigmaDetector, file: string, family: string, dataset: string): Score {
  const score = newScore(family)
  const rules = new Map<string, boolean>()
  for (const one of readLines(file)) {
    if (one['needs_mocks'] === true) continue
    const rule = String(one['rule_id'])
    const expected = one['expected_match'] === true
    const ours = pantherRules[rule]
    const why = pantherNotApplicable[rule]
    if (why) {
      score.notApplicable.push(`${rule} / ${String(one['test'])}: ${why}`)
      continue
    }
    score.cases++
    let right = false
    if (ours === undefined) {
      score.unmapped++
      score.misses.push(`${rule}: no rule of ours`)
    } else {
      const raw = one['event'] as JsonObject
      const { event, plain } = toEvent(parser, vendorEvent(raw, family), dataset)
      if (plain) score.plain++
      enrich(event, raw['p_enrichment'])
      right = fires(detector, event, idsOf(ours)) === expected
      if (!right) score.misses.push(`${rule} / ${String(one['test'])}: expected ${expected}${plain ? ' (plain)' : ''}`)
    }
    if (right) score.right++
    rules.set(rule, (rules.get(rule) ?? true) && right)
  }
  score.rules = rules.size
  score.rulesRight = [...rules.values()].filter(Boolean).length
  return score
}

/** Addresses that a threat list named in the cases: our list of the same meaning. */
function torAddresses(folder: string): string[] {
  const found = new Set<string>()
  for (const { file } of pantherFamilies) {
    const path = join(folder, `${file}.jsonl`)
    if (!existsSync(path)) continue
    for (const one of readLines(path)) {
      const enrichment = (one['event'] as JsonObject)['p_enrichment']
      const nodes = isObject(enrichment) ? enrichment['tor_exit_nodes'] : undefined
      if (Array.isArray(nodes)) for (const node of nodes) if (typeof node === 'string') found.add(node)
    }
  }
  return [...found]
}

function detectorWith(placeholders: Lists, filters: readonly string[]): SigmaDetector {
  const loaded = loadRules([rulesFolder], { placeholders })
  if (filters.length === 0) return compileDetector(loaded)
  return compileDetector(loadRules([rulesFolder, writeFilters(filters)], { placeholders }))
}

/** Filters are rule files like any other, so they go to a folder of their own for the time of the run. */
function writeFilters(filters: readonly string[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'haetae-filters-'))
  filterFolders.push(folder)
  filters.forEach((text, i) => {
    writeFileSync(join(folder, `${i}.yml`), text)
  })
  return folder
}

const share = (part: number, whole: number) => (whole === 0 ? '-' : `${((100 * part) / whole).toFixed(1)} %`)

function print(scores: readonly Score[], verbose: boolean): void {
  console.log(machineLine())
  console.log(`${files.size} rule files`)
  const row = (cells: readonly string[]) =>
    cells.map((cell, i) => (i === 0 ? cell.padEnd(18) : cell.padStart(9))).join('')
  console.log(row(['family', 'cases', 'right', '', 'rules', 'right', '', 'unmapped', 'plain', 'n/a']))
  for (const one of scores) {
    const { family, cases, right, rules, rulesRight, unmapped, plain, notApplicable } = one
    const figures = [cases, right, share(right, cases), rules, rulesRight, share(rulesRight, rules), unmapped, plain]
    console.log(row([family, ...figures.map(String), String(notApplicable.length)]))
  }
  for (const { family, misses, notApplicable } of scores) {
    const shown = verbose ? misses : [...new Set(misses.filter((miss) => !miss.endsWith('no rule of ours')))]
    for (const miss of [...new Set(shown)]) console.log(`${family}: ${miss}`)
    for (const one of notApplicable) console.log(`${family}: not applicable: ${one}`)
  }
}

function main(): void {
  const { values } = parseArgs({
    options: {
      family: { type: 'string', multiple: true },
      packs: { type: 'string', multiple: true, default: [] },
      verbose: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  })
  const wanted = (family: string) => !values.family || values.family.includes(family)
  const parser = createParser({ packs: loadPacks([...values.packs, join(root, 'parsers/packs')]), now: () => AT })
  const scores: Score[] = []
  const audit = join(shared, 'k8s-audit')
  if (!existsSync(join(audit, 'falco-cases.jsonl'))) console.warn(`SKIPPED: no ${audit}; Falco's cases were not scored`)
  else if (wanted('falco')) scores.push(scoreFalco(parser, audit))
  const panther = join(shared, 'panther/rules')
  if (!existsSync(panther)) console.warn(`SKIPPED: no ${panther}; Panther's cases were not scored`)
  else {
    const tor = torAddresses(panther)
    const lists: Lists = new Map(Object.entries(pantherLists).map(([name, values]) => [name, [...values]]))
    if (tor.length > 0) lists.set('tor_exit_nodes', tor)
    const detector = detectorWith(lists, [])
    for (const { family, file, dataset } of pantherFamilies) {
      const path = join(panther, `${file}.jsonl`)
      if (!wanted(family)) continue
      if (existsSync(path)) scores.push(scorePanther(parser, detector, path, family, dataset))
      else console.warn(`SKIPPED: no ${path}`)
    }
  }
  const correlations = join(shared, 'panther/correlation_rules.jsonl')
  if (!existsSync(correlations)) console.warn(`SKIPPED: no ${correlations}`)
  else if (wanted('correlations')) scores.push({ ...newScore('correlations'), ...scoreCorrelations(correlations) })
  if (values.json) for (const score of scores) console.log(JSON.stringify(score))
  else print(scores, values.verbose)
  for (const folder of filterFolders) rmSync(folder, { recursive: true, force: true })
}

main()
