// Everything after the first `|`: stages, left to right. Each knows which columns it may name (pipe-scope.ts), so that a
// slip is an error with its column and not an empty answer.

import { nearest } from '../../core/config.ts'
import { type GroupKey, keyName, type Measure, type MeasureName, measureNames, type Pipe } from '../../core/query.ts'
import { ExpressionParser, measureColumn } from './parse-expression.ts'
import { PipeScanner } from './pipe-scanner.ts'
import { PipeScope } from './pipe-scope.ts'

const MAX_PIPES = 50
const MAX_MEASURES = 30
const MAX_KEYS = 6
const MAX_COLUMNS = 100
export const MAX_HEAD = 1_000_000
export const MAX_TOP = 10_000
export const MAX_CONTEXT = 50

/** Other words for the same stage. */
const aliases: Readonly<Record<string, string>> = { limit: 'head', table: 'fields', filter: 'where' }
export const pipeNames = [
  ...(['stats', 'timechart', 'top', 'rare', 'patterns', 'sort', 'head', 'fields', 'dedup', 'where', 'eval'] as const),
  'context',
] as const

export interface ParsedPipes {
  readonly pipes: readonly Pipe[]
  /** Fields of events that the stages look at. */
  readonly fields: ReadonlySet<string>
}

/** @param at where the first `|` stands @throws QUERY_INVALID */
export function parsePipes(line: string, at: number, knownFields?: ReadonlySet<string>): ParsedPipes {
  const parser = new PipeParser(new PipeScanner(line, at), new PipeScope(knownFields))
  return { pipes: parser.parse(), fields: parser.scope.asked }
}

class PipeParser {
  readonly scope: PipeScope
  readonly #scan: PipeScanner

  constructor(scan: PipeScanner, scope: PipeScope) {
    this.#scan = scan
    this.scope = scope
  }

  parse(): Pipe[] {
    const pipes: Pipe[] = []
    while (this.#scan.takeSign('|')) {
      pipes.push(...this.#pipe())
      if (pipes.length > MAX_PIPES) this.#scan.fail(this.#scan.at, `more than ${MAX_PIPES} stages`)
      if (!this.#scan.atEnd) this.#scan.expected("'|' or the end")
    }
    if (this.#scan.skip() < this.#scan.line.length) this.#scan.expected("'|' or the end")
    return pipes
  }

  #pipe(): Pipe[] {
    const scan = this.#scan
    const start = scan.skip()
    const word = scan.takePlain()
    if (!word) return scan.expected('a stage: stats, top, sort, head, where …', 'to search for | put it in quotes')
    const written = word.text.toLowerCase()
    switch (aliases[written] ?? written) {
      case 'stats':
        return [this.#stats()]
      case 'timechart':
        return [this.#timechart()]
      case 'top':
      case 'rare':
        return [this.#top(written as 'top' | 'rare')]
      case 'patterns': {
        this.#onlyEvents(start, 'patterns')
        const count = scan.takeCount('the number of patterns', 1, MAX_TOP) ?? 100
        this.scope.become(['pattern', 'count', 'percent', 'first', 'last'])
        return [{ kind: 'patterns', count }]
      }
      case 'sort':
        return [this.#sort()]
      case 'head':
        return [{ kind: 'head', count: scan.takeCount('the number of rows', 0, MAX_HEAD) ?? 10 }]
      case 'fields': {
        const columns = this.#names('a column')
        const twice = columns.find((column, i) => columns.indexOf(column) < i)
        if (twice !== undefined) scan.fail(start, `${twice} is named twice`)
        this.scope.become(columns)
        return [{ kind: 'fields', columns }]
      }
      case 'dedup':
        return [{ kind: 'dedup', columns: this.#names('a column') }]
      case 'where':
        return [{ kind: 'where', condition: new ExpressionParser(scan, this.scope).parse() }]
      case 'eval':
        return this.#eval()
      case 'context':
        this.#onlyEvents(start, 'context')
        return [{ kind: 'context', count: scan.takeCount('the number of events on each side', 1, MAX_CONTEXT) ?? 5 }]
      default: {
        const near = nearest(written, [...pipeNames, ...Object.keys(aliases)])
        const hint = near ? `did you mean ${near}?` : `there are: ${pipeNames.join(', ')}`
        return scan.fail(start, `there is no stage ${word.text}`, hint)
      }
    }
  }

  #onlyEvents(start: number, name: string): void {
    if (this.scope.isTable) {
      this.#scan.fail(
        start,
        `${name} works on events, and here are rows of a table`,
        `put ${name} before stats or fields`,
      )
    }
  }

  #stats(): Pipe {
    const of = this.#measures()
    const by = this.#scan.takeWord('by') ? this.#keys() : []
    this.#become([...by.map(keyName), ...of.map((measure) => measure.as)])
    return { kind: 'stats', of, by }
  }

  #timechart(): Pipe {
    const scan = this.#scan
    const start = scan.skip()
    if (this.scope.isTable && !this.scope.has('@timestamp')) {
      scan.fail(start, 'timechart needs @timestamp, and this table has none', 'put timechart before stats')
    }
    let intervalMs = scan.takeTime()
    if (intervalMs === undefined && scan.takeWord('bin')) intervalMs = this.#interval()
    const bare = scan.atEnd || this.#nextIs('by')
    const of = bare ? [{ name: 'count', as: 'count' } as const] : this.#measures()
    let by: string | undefined
    if (scan.takeWord('by')) by = this.#name('a field to split by')
    this.#become(['@timestamp', ...(by === undefined ? [] : [by]), ...of.map((measure) => measure.as)])
    return { kind: 'timechart', ...(intervalMs !== undefined && { intervalMs }), of, ...(by !== undefined && { by }) }
  }

  #nextIs(word: string): boolean {
    const before = this.#scan.at
    const taken = this.#scan.takeWord(word)
    this.#scan.at = before
    return taken
  }

  #top(kind: 'top' | 'rare'): Pipe {
    const count = this.#scan.takeCount('the number of values', 1, MAX_TOP) ?? 10
    this.#scan.takeWord('by')
    const fields = this.#names('a field', MAX_KEYS)
    this.#become([...fields, 'count', 'percent'])
    return { kind, count, fields }
  }

  #measures(): Measure[] {
    const of: Measure[] = []
    do {
      of.push(this.#measure())
      if (of.length > MAX_MEASURES) this.#scan.fail(this.#scan.at, `more than ${MAX_MEASURES} figures`)
    } while (this.#scan.takeSign(','))
    return of
  }

  #measure(): Measure {
    const scan = this.#scan
    const start = scan.skip()
    const wanted = 'a figure: count(), dc(field), avg(field), p95(field) …'
    const word = scan.takePlain()
    if (!word) return scan.expected(wanted)
    const name = word.text.toLowerCase() as MeasureName
    if (!measureNames.includes(name)) {
      const near = nearest(name, measureNames)
      const hint = near ? `did you mean ${near}?` : `there are: ${measureNames.join(', ')}`
      scan.fail(start, `there is no figure ${word.text}`, hint)
    }
    let field: string | undefined
    if (scan.takeSign('(')) {
      scan.takeSign('*') // count(*) as SQL says it
      if (!scan.takeSign(')')) {
        field = this.#name('a field')
        scan.expectSign(')', `after ${name}(${field}`)
      }
    } else if (name !== 'count') scan.expectSign('(', `and a field after ${name}`)
    if (field === undefined && name !== 'count') scan.fail(start, `${name} of which field?`, `write ${name}(field)`)
    let as = field === undefined ? name : `${name}(${field})`
    if (scan.takeWord('as')) as = this.#newName()
    return { name, ...(field !== undefined && { field }), as }
  }

  #keys(): GroupKey[] {
    const keys: GroupKey[] = []
    do {
      const start = this.#scan.skip()
      const name = this.#scan.takeName(true, true)
      if (!name) this.#scan.expected('a field to group by, or bin(5m)')
      else if (!name.quoted && name.text.toLowerCase() === 'bin' && this.#scan.sign() === '(') {
        if (this.scope.isTable && !this.scope.has('@timestamp')) {
          this.#scan.fail(start, 'bin needs @timestamp, and this table has none')
        }
        keys.push({ kind: 'bin', intervalMs: this.#interval() })
      } else if (!name.quoted && name.text.toLowerCase() === 'pattern' && this.#scan.takeSign('(')) {
        keys.push({ kind: 'pattern', field: this.#name('a field of text') })
        this.#scan.expectSign(')', 'after the field')
      } else keys.push({ kind: 'field', field: this.scope.check(name, this.#scan) })
      if (keys.length > MAX_KEYS) this.#scan.fail(start, `more than ${MAX_KEYS} fields to group by`)
    } while (this.#scan.takeSign(','))
    return keys
  }

  /** `(5m)`, `(@timestamp, 5m)`. */
  #interval(): number {
    const scan = this.#scan
    scan.expectSign('(', 'after bin')
    if (scan.takeWord('@timestamp')) scan.expectSign(',', 'and an interval')
    const ms = scan.takeTime() ?? scan.expected('an interval such as 5m', 'units: ms s m h d w')
    scan.expectSign(')', 'after the interval')
    return ms
  }

  #sort(): Pipe {
    const by: { column: string; descending: boolean }[] = []
    do {
      const sign = this.#scan.takeSign('-', '+')
      const column = this.#name('a column to sort by')
      const down = this.#scan.takeWord('desc')
      if (!down) this.#scan.takeWord('asc')
      by.push({ column, descending: down || sign === '-' })
      if (by.length > MAX_KEYS) this.#scan.fail(this.#scan.at, `more than ${MAX_KEYS} columns to sort by`)
    } while (this.#scan.takeSign(','))
    return { kind: 'sort', by }
  }

  #eval(): Pipe[] {
    const pipes: Pipe[] = []
    do {
      const column = this.#newName()
      this.#scan.expectSign('=', `after ${column}`)
      pipes.push({ kind: 'eval', column, value: new ExpressionParser(this.#scan, this.scope).parse() })
      this.scope.make(column)
    } while (this.#scan.takeSign(',') && pipes.length < MAX_PIPES)
    return pipes
  }

  #newName(): string {
    const name = this.#scan.takeName(true, true)
    if (!name) return this.#scan.expected('a name for the column')
    if (name.text === '' || name.text.length > 256) this.#scan.fail(name.start, 'a name has 1 to 256 characters')
    if (name.text.split('.').includes('__proto__')) this.#scan.fail(name.start, `${name.text} is no name for a column`)
    return name.text
  }

  /** The name of a column that is there. */
  #name(what: string): string {
    const name = this.#scan.takeName(true, true)
    if (!name) return this.#scan.expected(what)
    if (!name.quoted && this.#scan.sign() === '(') {
      const column = measureColumn(this.#scan, this.scope, name.text)
      if (column !== undefined) return column
    }
    return this.scope.check(name, this.#scan)
  }

  #names(what: string, most = MAX_COLUMNS): string[] {
    const names = [this.#name(what)]
    while (this.#scan.takeSign(',')) {
      names.push(this.#name(what))
      if (names.length > most) this.#scan.fail(this.#scan.at, `more than ${most} names`)
    }
    return names
  }

  #become(columns: readonly string[]): void {
    const twice = columns.find((column, i) => columns.indexOf(column) < i)
    if (twice !== undefined) {
      this.#scan.fail(this.#scan.at, `two columns are called ${twice}`, "give one another name with 'as'")
    }
    this.scope.become(columns)
  }
}
