// Which packs may know a line, most likely first: by the hint of its input, by the program that wrote it, by what it holds.

import type { EcsEvent } from '../../core/event.ts'
import { isObject } from './context.ts'
import type { Detect, JsonKey, Pack } from './pack.ts'

const NONE: readonly Pack[] = []
const MAX_CACHED = 4096

/** An index over the packs. Answers lists that stay the caller's to read only. */
export class PackChooser {
  readonly #byHint = new Map<string, Pack[]>()
  readonly #byProgram = new Map<string, Pack[]>()
  readonly #byFile: Pack[] = []
  readonly #byJson: Pack[] = []
  readonly #byText: Pack[] = []
  readonly #whole: Pack[] = []
  readonly #files = new Map<string, readonly Pack[]>()

  constructor(packs: readonly Pack[]) {
    for (const pack of [...packs].sort((a, b) => b.priority - a.priority || (a.name < b.name ? -1 : 1))) {
      for (const hint of new Set([pack.name, pack.dataset, pack.module, ...pack.aliases]))
        push(this.#byHint, hint.toLowerCase(), pack)
      const { detect } = pack
      for (const program of detect.programs) push(this.#byProgram, program, pack)
      if (detect.files.length > 0) this.#byFile.push(pack)
      if (detect.whole) this.#whole.push(pack)
      if (detect.json.length > 0) this.#byJson.push(pack)
      if (detect.content || detect.contains.length > 0 || detect.starts.length > 0) this.#byText.push(pack)
    }
  }

  /** Packs of a dataset, a module, an alias, or of `dataset` before its last dot. */
  ofHint(hint: string): readonly Pack[] {
    return this.#byHint.get(hint.toLowerCase()) ?? NONE
  }

  /** Packs of a syslog tag: as written, then without what follows a slash, a bracket or a dot-number. */
  ofProgram(tag: string): readonly Pack[] {
    const name = tag.toLowerCase()
    const found = this.#byProgram.get(name)
    if (found) return found
    const slash = name.lastIndexOf('/')
    const paren = name.indexOf('(')
    if (slash >= 0)
      return this.#byProgram.get(name.slice(slash + 1)) ?? this.#byProgram.get(name.slice(0, name.indexOf('/'))) ?? NONE
    return (paren > 0 ? this.#byProgram.get(name.slice(0, paren)) : undefined) ?? NONE
  }

  /** Packs whose files live under such a path. */
  ofFile(path: string): readonly Pack[] {
    if (this.#byFile.length === 0) return NONE
    let found = this.#files.get(path)
    if (!found) {
      found = this.#byFile.filter((pack) => pack.detect.files.some((part) => path.includes(part)))
      if (this.#files.size >= MAX_CACHED) this.#files.clear()
      this.#files.set(path, found)
    }
    return found
  }

  /** Packs whose keys a JSON body has. */
  *ofJson(json: EcsEvent): Generator<Pack> {
    for (const pack of this.#byJson) if (pack.detect.json.some((keys) => hasKeys(json, keys))) yield pack
  }

  /** Packs that may be tried on a line before an envelope is looked for. */
  *ofWhole(line: string): Generator<Pack> {
    for (const pack of this.#whole) if (mayBe(line, pack.detect)) yield pack
  }

  /** Packs that may be tried on a text. */
  *ofText(body: string): Generator<Pack> {
    for (const pack of this.#byText) if (mayBe(body, pack.detect)) yield pack
  }
}

function push(map: Map<string, Pack[]>, key: string, pack: Pack): void {
  const list = map.get(key)
  if (list) list.push(pack)
  else map.set(key, [pack])
}

function hasKeys(json: EcsEvent, keys: readonly JsonKey[]): boolean {
  for (const { name, path, values } of keys) {
    // `"ecs.version": …` as much as `"ecs": {"version": …}`
    const flat = path.length > 1 && Object.hasOwn(json, name)
    let node: EcsEvent[string] = flat ? json[name] : json
    for (const part of flat ? [] : path) node = isObject(node) && Object.hasOwn(node, part) ? node[part] : undefined
    if (node === undefined || (values && !values.has(String(node)))) return false
  }
  return true
}

function mayBe(body: string, { starts, contains }: Detect): boolean {
  if (starts.length > 0 && !starts.some((text) => body.startsWith(text))) return false
  for (const text of contains) if (!body.includes(text)) return false
  return true
}
