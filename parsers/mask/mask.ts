// Masks an event in place: personal data found by rule, and fields named by the operator, become pseudonyms wherever they
// stand; the original line is sealed or gone. Runs last, on everything the parser and the enrichment made.

import type { Config } from '../../core/config.ts'
import { ecsFieldSets } from '../../core/ecs-fields.ts'
import { describe, PipelineError } from '../../core/errors.ts'
import { type EcsEvent, type EcsValue, getPath } from '../../core/event.ts'
import { fieldType } from '../../core/fields.ts'
import type { Parsed } from '../../core/parser.ts'
import { type Found, findPii, type PiiKind } from './find.ts'
import { readKeyFile } from './keys.ts'
import { Pseudonyms } from './pseudonym.ts'
import { createSealer, openSealed, type Sealer } from './seal.ts'

export type MaskingConfig = NonNullable<Config['masking']>

/** Masks one event in place. Never throws. */
export type Mask = (parsed: Parsed) => void

/** @throws CONFIG_INVALID when a key file is missing or holds no key, or a field cannot be masked */
export function openMask(config: MaskingConfig): Mask {
  for (const field of config.fields) {
    const type = fieldType(field)
    if (type !== 'keyword' && type !== 'ip')
      throw new PipelineError('CONFIG_INVALID', {
        place: 'masking.fields',
        problem: `${field} is a ${type}: keywords and addresses can be masked whole`,
      })
  }
  const names = new Pseudonyms(readKeyFile(config.keyFile), config.period)
  const sealer = config.sealKeyFile === undefined ? undefined : createSealer(readKeyFile(config.sealKeyFile))
  const masker = new Masker(names, sealer, new Set(config.rules), config.fields, new Set(config.except))
  return (parsed) => {
    try {
      masker.mask(parsed)
    } catch (error) {
      // rather an event with nothing in it than one with what should not be seen
      withhold(parsed.event, describe(error))
    }
  }
}

/** What a sealed original is bound to. */
export const sealContext = (event: EcsEvent): string =>
  `${String(getPath(event, 'haetae.source'))}\0${String(getPath(event, 'event.created'))}`

/** The original line of a masked event. @throws REQUEST_INVALID as openSealed, and when the event has none */
export function openOriginal(event: EcsEvent, key: Uint8Array): string {
  return openSealed(String(getPath(event, 'haetae.sealed') ?? ''), sealContext(event), key)
}

/** Never masked: they tell sources and times apart, hold nothing a sender wrote, and accounting reads them. */
const OURS = new Set(['@timestamp', 'haetae.source', 'event.created', 'event.ingested', 'event.kind', 'ecs.version'])
/** A shorter value of a masked field is replaced in its field, not in texts: `a` would be everywhere. */
const LEAST_IN_TEXT = 3
/** No shorter text holds anything: a@b.co. */
const LEAST_NAME = 6
/** A number as large may be an account or a resident. */
const LARGE = 1e12

/** Leaves who and when. */
function withhold(event: EcsEvent, why: string): void {
  const { created, ingested, dataset } = (event['event'] ?? {}) as EcsEvent
  const source = getPath(event, 'haetae.source')
  for (const key of Object.keys(event)) if (key !== '@timestamp' && key !== 'ecs') event[key] = undefined
  event['event'] = { kind: 'pipeline_error', dataset, created, ingested }
  event['haetae'] = { source, masked: ['withheld'] }
  event['error'] = { message: `masking failed, nothing of the line is kept here: ${why}` }
}

/** A field as it was met, so that walking an event joins no strings. */
interface Place {
  readonly path: string
  readonly below: Map<string, Place>
  /** Not to be changed. */
  readonly ours: boolean
  /** A name of ECS, not a sender's. */
  readonly ecs: boolean
  /** A keyword or a text: it takes a pseudonym. Numbers, dates and addresses of ECS keep their type. */
  readonly free: boolean
}
const MAX_PLACES = 20_000

/** A pseudonym where only an address fits: in fd00::/8, which nobody routes (RFC 4193). */
function asAddress(name: string): string {
  const hex = name.slice(-20)
  return `fd00:0:0:${[0, 4, 8, 12, 16].map((at) => hex.slice(at, at + 4).replace(/^0{1,3}/, '')).join(':')}`
}

class Masker {
  readonly #names: Pseudonyms
  readonly #sealer: Sealer | undefined
  readonly #kinds: ReadonlySet<PiiKind>
  readonly #fields: readonly string[]
  readonly #except: ReadonlySet<string>
  /** Of the event being masked. */
  #timestamp = 0
  #values = new Map<string, string>()
  readonly #rules = new Set<string>()
  readonly #root: Place = { path: '', below: new Map(), ours: false, ecs: false, free: true }
  #places = 0

  constructor(
    names: Pseudonyms,
    sealer: Sealer | undefined,
    kinds: ReadonlySet<PiiKind>,
    fields: readonly string[],
    except: ReadonlySet<string>,
  ) {
    this.#names = names
    this.#sealer = sealer
    this.#kinds = kinds
    this.#fields = fields
    this.#except = except
  }

  mask({ event, timestamp }: Parsed): void {
    this.#timestamp = timestamp
    this.#rules.clear()
    if (this.#fields.length > 0) this.#collect(event)
    const original = getPath(event, 'event.original')
    this.#object(event, this.#root)
    if (this.#rules.size === 0) return
    const haetae = event['haetae'] as EcsEvent
    haetae['masked'] = [...this.#rules].sort()
    if (this.#sealer && typeof original === 'string') haetae['sealed'] = this.#sealer.seal(original, sealContext(event))
  }

  /** Values of the fields that are masked whole, and the names they get. */
  #collect(event: EcsEvent): void {
    this.#values.clear()
    for (const field of this.#fields) {
      const value = getPath(event, field)
      for (const one of Array.isArray(value) ? value : [value])
        if ((typeof one === 'string' && one !== '') || typeof one === 'number') {
          const name = this.#names.nameOf('value', String(one), this.#timestamp)
          this.#values.set(String(one), fieldType(field) === 'ip' ? asAddress(name) : name)
        }
    }
  }

  #object(object: EcsEvent, place: Place): void {
    for (const key in object) {
      const value = object[key]
      if (value === undefined) continue
      const here = this.#below(place, key)
      if (here.ours) continue
      // names of fields come from senders too: {"mina@example.com": 3}
      const name = key.length < LEAST_NAME || here.ecs ? key : this.#text(key)
      const masked = this.#value(value, here)
      if (name === key && masked === value) continue
      object[key] = undefined
      object[name] = masked
    }
  }

  #below(place: Place, key: string): Place {
    let found = place.below.get(key)
    if (!found) {
      // names may be a sender's: what was learnt is forgotten before it fills the memory
      if (++this.#places > MAX_PLACES) {
        this.#places = 0
        this.#root.below.clear()
      }
      const path = place.path === '' ? key : `${place.path}.${key}`
      const type = fieldType(path)
      found = {
        path,
        below: new Map(),
        ours: OURS.has(path) || this.#except.has(path),
        ecs: place.path === '' && ecsFieldSets.has(key),
        free: type === 'keyword' || type === 'text',
      }
      place.below.set(key, found)
    }
    return found
  }

  #value(value: EcsValue, place: Place): EcsValue {
    if (typeof value === 'string') return place.free ? this.#text(value) : (this.#values.get(value) ?? value)
    if (typeof value === 'number') return place.free ? this.#number(value) : value
    if (value === null || typeof value !== 'object') return value
    if (Array.isArray(value)) for (let i = 0; i < value.length; i++) value[i] = this.#value(value[i], place)
    else this.#object(value, place)
    return value
  }

  #number(value: number): EcsValue {
    const text = String(value)
    if (this.#values.size === 0 && (value < LARGE || !Number.isSafeInteger(value))) return value
    const masked = this.#text(text)
    return masked === text ? value : masked
  }

  #text(text: string): string {
    const out = this.#values.size > 0 ? this.#known(text) : text
    if (out.length < LEAST_NAME) return out
    const found = findPii(out, this.#kinds, this.#timestamp)
    return found.length === 0 ? out : this.#replace(out, found)
  }

  #replace(text: string, found: readonly Found[]): string {
    let out = ''
    let from = 0
    for (const { kind, start, end, value } of found) {
      this.#rules.add(kind)
      out += text.slice(from, start) + this.#names.nameOf(kind, value, this.#timestamp)
      from = end
    }
    return out + text.slice(from)
  }

  /** Values of masked fields, wherever they stand as a word of their own. */
  #known(text: string): string {
    let out = text
    for (const [value, name] of this.#values) {
      if (out === value) out = name
      else if (value.length >= LEAST_IN_TEXT && out.includes(value)) out = replaceWords(out, value, name)
      else continue
      if (out !== text) this.#rules.add('fields')
    }
    return out
  }
}

const isWord = (c: number) =>
  (c >= 48 && c <= 57) || (c >= 65 && c <= 90) || (c >= 97 && c <= 122) || c === 95 || c > 0x7f

function replaceWords(text: string, word: string, by: string): string {
  let out = ''
  let from = 0
  for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + word.length)) {
    const end = at + word.length
    if ((at > 0 && isWord(text.charCodeAt(at - 1))) || (end < text.length && isWord(text.charCodeAt(end)))) continue
    out += text.slice(from, at) + by
    from = end
  }
  return out + text.slice(from)
}
