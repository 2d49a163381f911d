// Which packs may know a line, most likely first: by the hint of its input, by the program that wrote it, by what it holds.

import type { EcsEvent } from '../../core/event.ts'
import { JsonIndex } from './choose-json.ts'
import { TextIndex } from './choose-text.ts'
import { mayFulfil } from './needs.ts'
import type { Pack } from './pack.ts'

const NONE: readonly Pack[] = []
const MAX_CACHED = 4096

/** An index over the packs. Answers lists that stay the caller's to read only, until the next question of that kind. */
export class PackChooser {
  readonly #byHint = new Map<string, Pack[]>()
  readonly #byProgram = new Map<string, Pack[]>()
  readonly #byFile: Pack[] = []
  readonly #byJson: JsonIndex
  readonly #byText: TextIndex
  readonly #whole: TextIndex
  readonly #files = new Map<string, readonly Pack[]>()
  #lastPath: string | undefined
  #lastFound: readonly Pack[] = NONE
  readonly #tags = new Map<string, readonly Pack[]>()

  constructor(packs: readonly Pack[]) {
    const sorted = [...packs].sort((a, b) => b.priority - a.priority || (a.name < b.name ? -1 : 1))
    for (const pack of sorted) {
      for (const hint of new Set([pack.name, pack.dataset, pack.module, ...pack.aliases]))
        push(this.#byHint, hint.toLowerCase(), pack)
      for (const program of pack.detect.programs) push(this.#byProgram, program, pack)
      if (pack.detect.files.length > 0) this.#byFile.push(pack)
    }
    this.#byJson = new JsonIndex(sorted.filter(({ detect }) => detect.json.length > 0))
    this.#whole = new TextIndex(sorted.filter(({ detect }) => detect.whole))
    this.#byText = new TextIndex(
      sorted.filter(({ detect }) => detect.content || detect.contains.length > 0 || detect.starts.length > 0),
    )
  }

  /** Packs of a dataset, a module, an alias, or of `dataset` before its last dot. */
  ofHint(hint: string): readonly Pack[] {
    return this.#byHint.get(hint.toLowerCase()) ?? NONE
  }

  /** Packs of a syslog tag: as written, then without what follows a slash, a bracket or a dot-number. */
  ofProgram(tag: string): readonly Pack[] {
    let found = this.#tags.get(tag)
    if (!found) {
      found = this.#findProgram(tag.toLowerCase())
      if (this.#tags.size >= MAX_CACHED) this.#tags.clear()
      this.#tags.set(tag, found)
    }
    return found
  }

  #findProgram(name: string): readonly Pack[] {
    const found = this.#byProgram.get(name)
    if (found) return found
    const slash = name.lastIndexOf('/')
    const paren = name.indexOf('(')
    if (slash >= 0)
      return this.#byProgram.get(name.slice(slash + 1)) ?? this.#byProgram.get(name.slice(0, name.indexOf('/'))) ?? NONE
    return (paren > 0 ? this.#byProgram.get(name.slice(0, paren)) : undefined) ?? NONE
  }

  /** False when no pattern of the pack can read the text, told by the characters it has. */
  mayKnow({ needs }: Pack, text: string): boolean {
    return needs === undefined || mayFulfil(needs, text)
  }

  /** Packs whose files live under such a path. */
  ofFile(path: string): readonly Pack[] {
    if (this.#byFile.length === 0) return NONE
    if (path === this.#lastPath) return this.#lastFound // lines come in batches of one sender
    let found = this.#files.get(path)
    if (!found) {
      found = this.#byFile.filter((pack) => pack.detect.files.some((part) => path.includes(part)))
      if (this.#files.size >= MAX_CACHED) this.#files.clear()
      this.#files.set(path, found)
    }
    this.#lastPath = path
    this.#lastFound = found
    return found
  }

  /** Packs whose keys a JSON body has. */
  ofJson(json: EcsEvent): readonly Pack[] {
    return this.#byJson.find(json)
  }

  /** Packs that may be tried on a line before an envelope is looked for. */
  ofWhole(line: string): readonly Pack[] {
    return this.#whole.find(line)
  }

  /** Packs that may be tried on a text. */
  ofText(body: string): readonly Pack[] {
    return this.#byText.find(body)
  }
}

function push(map: Map<string, Pack[]>, key: string, pack: Pack): void {
  const list = map.get(key)
  if (list) list.push(pack)
  else map.set(key, [pack])
}
