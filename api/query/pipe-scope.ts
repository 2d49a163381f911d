// Which columns a stage may name: of events any field, of a table its columns. Slips are found while reading.

import { looksLikeKnown, nearestField } from './fields.ts'
import type { Name, PipeScanner } from './pipe-scanner.ts'

const MAX_NAME_CHARACTERS = 256

export class PipeScope {
  readonly #known: ReadonlySet<string> | undefined
  /** Columns of the table; undefined while rows are events. */
  #table: Set<string> | undefined
  /** Made by eval. */
  readonly #made = new Set<string>()
  /** Fields of events that were named. */
  readonly asked = new Set<string>()

  constructor(known: ReadonlySet<string> | undefined) {
    this.#known = known
  }

  get isTable(): boolean {
    return this.#table !== undefined
  }

  /** From here on rows are a table of these columns. */
  become(columns: Iterable<string>): void {
    this.#table = new Set(columns)
    this.#made.clear()
  }

  make(column: string): void {
    if (this.#table) this.#table.add(column)
    else this.#made.add(column)
  }

  has(column: string): boolean {
    return this.#table?.has(column) ?? this.#made.has(column)
  }

  /** @throws QUERY_INVALID for a column that is not there */
  check(name: Name, scanner: PipeScanner): string {
    const { text, start, quoted } = name
    if (text === '' || text.length > MAX_NAME_CHARACTERS) scanner.fail(start, `a name of ${text.length} characters`)
    if (this.has(text)) return text
    if (this.#table) {
      const near = nearestField(text, this.#table)
      const columns = [...this.#table].slice(0, 12).join(', ')
      scanner.fail(start, `there is no column ${text} here`, near ? `did you mean ${near}?` : `there are: ${columns}`)
    }
    this.asked.add(text)
    const known = this.#known
    if (!quoted && known && !known.has(text) && !looksLikeKnown(text, known)) {
      const near = nearestField(text, known) ?? nearestField(text, this.#made)
      if (near) {
        scanner.fail(
          start,
          `no event has a field ${text}`,
          `did you mean ${near}? (\`${text}\` in backticks is taken as it is)`,
        )
      }
    }
    return text
  }
}
