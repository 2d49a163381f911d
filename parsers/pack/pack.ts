// A pack: everything Haetae knows about the lines of one product, read from one YAML file. docs/packs.md describes it.

import { readFileSync } from 'node:fs'
import { isNode, LineCounter, parseDocument } from 'yaml'
import { PipelineError } from '../../core/errors.ts'
import type { EcsEvent, EcsValue } from '../../core/event.ts'
import { beginTry, endTry, type GrokStep, newTally, type Tally } from '../unparsed/tally.ts'
import { generated } from './code.ts'
import { type CompileEnv, type Fail, isObject, type PackContext, type Step } from './context.ts'
import { needOfTexts, type TextNeed } from './needs.ts'
import { compileBlocks, compileFirst } from './steps.ts'

/** How a pack is found for a line that nobody named it for. */
export interface Detect {
  /** Program names of the syslog tag, lower case. */
  readonly programs: readonly string[]
  /** Every text must be in the body. */
  readonly contains: readonly string[]
  /** The body begins with one of these. */
  readonly starts: readonly string[]
  /** Sets of keys of which the JSON body must have one whole, with a value each, or undefined for any. Empty: no JSON. */
  readonly json: readonly (readonly JsonKey[])[]
  /** Part of the file's path. */
  readonly files: readonly string[]
  /** May be tried on any body: its patterns tell. */
  readonly content: boolean
  /** Its lines begin with a time of their own, like an envelope: tried on the whole line before one is looked for. */
  readonly whole: boolean
}

export interface JsonKey {
  /** The path with its dots, as a key may be written whole. */
  readonly name: string
  readonly path: readonly string[]
  readonly values: ReadonlySet<string> | undefined
}

export interface Pack {
  readonly name: string
  readonly title: string
  readonly dataset: string
  readonly module: string
  readonly aliases: readonly string[]
  readonly detect: Detect
  /** Higher ones are asked first; default 0. */
  readonly priority: number
  /** Where it was read from. */
  readonly file: string
  /** How often it was asked, and could read. */
  readonly counts: Tally
  readonly groks: readonly GrokStep[]
  /** A text that is no JSON is read only when it fulfils one of these; undefined: any may be. */
  readonly needs: readonly TextNeed[] | undefined
  /** Every value it writes is of the type of its field: known when the pack is loaded, not looked at in each event. */
  readonly fits: boolean
  /** Reads context.body into context.event; false when the body is not this pack's. Never throws. */
  readonly run: (context: PackContext) => boolean
  /** The same without generated code, step by step: what `run` is held against. */
  readonly runSteps: (context: PackContext) => boolean
}

const KEYS = [
  'pack',
  'title',
  'dataset',
  'module',
  'aliases',
  'priority',
  'detect',
  'patterns',
  'tables',
  'parse',
  'steps',
] as const
const DETECT_KEYS = ['program', 'contains', 'starts', 'json', 'file', 'content', 'whole'] as const

/** @throws PACK_INVALID, GROK_INVALID, GROK_UNKNOWN_PATTERN with file and line */
export function readPack(file: string): Pack {
  return compilePack(readFileSync(file, 'utf8'), file)
}

/** @param file names the text in messages */
export function compilePack(text: string, file: string): Pack {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true })
  const lineOf = (offset: number) => lines.linePos(offset).line
  const problem = document.errors[0]
  if (problem) {
    throw new PipelineError('PACK_INVALID', {
      place: `${file}:${lineOf(problem.pos[0])}`,
      problem: problem.message.split('\n')[0] as string,
    })
  }
  const place = (path: readonly (string | number)[]) => {
    for (let depth = path.length; depth >= 0; depth--) {
      const node = depth === 0 ? document.contents : document.getIn(path.slice(0, depth), true)
      if (isNode(node) && node.range) return `${file}:${lineOf(node.range[0])}`
    }
    return file
  }
  const fail: Fail = (path, why) => {
    throw new PipelineError('PACK_INVALID', { place: place(path), problem: why })
  }
  const root = document.toJS({ maxAliasCount: 50 }) as unknown
  if (!isObject(root)) return fail([], 'a pack is a block of keys')
  onlyKeys(root, KEYS, [], fail)
  const name = text_(root, 'pack', fail)
  if (!/^[a-z][a-z0-9_.-]*$/.test(name))
    fail(['pack'], `'${name}': a name is lower case letters, digits, dots and dashes`)
  const dataset = text_(root, 'dataset', fail)
  const env: CompileEnv = {
    fail,
    place,
    groks: [],
    needs: new Map(),
    loose: new Set(),
    patterns: textMap(root['patterns'], ['patterns'], fail),
    tables: tables(root['tables'], fail),
  }
  const keeps = hasKey(root, 'keep')
  const parse = root['parse'] === undefined ? undefined : compileFirst(root['parse'], ['parse'], env)
  const steps = root['steps'] === undefined ? undefined : compileBlocks(root['steps'], ['steps'], env)
  if (!parse) return fail([], "'parse' is missing: the ways to read a line, tried in order")
  const counts = newTally()
  return {
    name,
    title: typeof root['title'] === 'string' ? root['title'] : name,
    dataset,
    module: typeof root['module'] === 'string' ? root['module'] : (dataset.split('.', 1)[0] as string),
    aliases: textList(root['aliases'], ['aliases'], fail),
    priority: typeof root['priority'] === 'number' ? root['priority'] : 0,
    detect: readDetect(root['detect'], fail),
    file,
    counts,
    groks: env.groks,
    needs: textNeeds(root['parse'], env),
    fits: env.loose.size === 0,
    run: runner(generated(parse, keeps), steps && generated(steps, keeps), counts),
    runSteps: runner(parse, steps, counts),
  }
}

/** A block whose pattern or `when` is not satisfied by the body reads nothing; one that reads JSON reads no text. */
function textNeeds(parse: EcsValue, env: CompileEnv): TextNeed[] | undefined {
  const needs: TextNeed[] = []
  for (const [i, block] of (parse as EcsEvent[]).entries()) {
    const own = env.needs.get(`parse.${i}.grok`)
    if (own) needs.push(...own)
    else if (readsJsonAlone(block['json'])) continue
    else {
      const texts = bodyContains(block['when'])
      if (!texts) return undefined
      needs.push(...texts.map((text) => ({ first: undefined, chars: needOfTexts([text]) })))
    }
  }
  return needs
}

/** The texts of `@body contains 'a' or @body contains 'b'`; undefined for any other condition. */
function bodyContains(when: EcsValue): string[] | undefined {
  if (typeof when !== 'string') return undefined
  const found = when.split(' or ').map((test) => /^@body contains '([^']+)'$/.exec(test)?.[1])
  return found.every((text) => text !== undefined) ? (found as string[]) : undefined
}

const readsJsonAlone = (json: EcsValue) => json === true || (isObject(json) && json['from'] === undefined)

function runner(parse: Step, steps: Step | undefined, counts: Tally): (context: PackContext) => boolean {
  return (context) => {
    const begun = beginTry(counts)
    const read = parse(context)
    endTry(counts, begun, read)
    if (!read) return false
    if (steps) steps(context)
    if (context.event['_'] !== undefined) context.event['_'] = undefined // a pack's scratch fields
    return true
  }
}

/** True when a block, however deep, has the key. */
const hasKey = (value: EcsValue, key: string): boolean =>
  value !== null && typeof value === 'object'
    ? Object.hasOwn(value, key) || Object.values(value).some((inner) => hasKey(inner, key))
    : false

function readDetect(value: EcsValue, fail: Fail): Detect {
  const where = ['detect']
  const given = value === undefined ? {} : isObject(value) ? value : fail(where, 'a block belongs here')
  onlyKeys(given, DETECT_KEYS, where, fail)
  const json = given['json']
  const sets = json === undefined ? [] : Array.isArray(json) ? json : [json]
  if (!sets.every(isObject)) fail([...where, 'json'], 'keys and their values belong here; null for any value')
  return {
    programs: textList(given['program'], [...where, 'program'], fail).map((name) => name.toLowerCase()),
    contains: textList(given['contains'], [...where, 'contains'], fail),
    starts: textList(given['starts'], [...where, 'starts'], fail),
    files: textList(given['file'], [...where, 'file'], fail),
    content: given['content'] === true,
    whole: given['whole'] === true,
    json: (sets as EcsEvent[]).map((set) =>
      Object.entries(set).map(([path, values]) => ({
        name: path,
        path: path.split('.'),
        values: values === null ? undefined : new Set((Array.isArray(values) ? values : [values]).map(String)),
      })),
    ),
  }
}

function onlyKeys(value: EcsEvent, keys: readonly string[], where: readonly string[], fail: Fail): void {
  for (const key of Object.keys(value))
    if (!keys.includes(key)) fail([...where, key], `'${key}' is not known here; there are ${keys.join(', ')}`)
}

function text_(root: EcsEvent, key: string, fail: Fail): string {
  const value = root[key]
  return typeof value === 'string' && value !== '' ? value : fail([key], `'${key}' is missing: a text`)
}

function textList(value: EcsValue, where: readonly string[], fail: Fail): string[] {
  if (value === undefined) return []
  const list = Array.isArray(value) ? value : [value]
  return list.map((one) => (typeof one === 'string' ? one : fail(where, 'a text or a list of texts belongs here')))
}

function textMap(value: EcsValue, where: readonly string[], fail: Fail): Map<string, string> {
  if (value === undefined) return new Map()
  if (!isObject(value)) return fail(where, 'names and texts belong here')
  return new Map(
    Object.entries(value).map(([name, text]) => [
      name,
      typeof text === 'string' ? text : fail([...where, name], 'a text belongs here'),
    ]),
  )
}

function tables(value: EcsValue, fail: Fail): Map<string, Map<string, EcsValue>> {
  if (value === undefined) return new Map()
  if (!isObject(value)) return fail(['tables'], 'names and tables belong here')
  return new Map(
    Object.entries(value).map(([name, table]) => {
      if (!isObject(table)) return fail(['tables', name], 'keys and values belong here')
      return [name, new Map(Object.entries(table))]
    }),
  )
}
