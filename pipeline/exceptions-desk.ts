// Exceptions of a running node: told, made from an alert, ended. The files in the exceptions folder are what counts; this
// writes them and has everybody read them again.

import { randomUUID } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseAllDocuments, stringify } from 'yaml'
import type { ExceptionsOutput, WireException } from '../core/api.ts'
import type { Alert } from '../core/detect.ts'
import { describe, PipelineError } from '../core/errors.ts'
import type { Scalar } from '../core/event.ts'
import { namedBy } from '../correlator/exceptions/excepting.ts'
import { whyNot } from '../correlator/exceptions/own-tests.ts'
import { type RuleException, readExceptions } from '../correlator/exceptions/read.ts'
import { type RuleSet, withExceptionsOf } from '../correlator/rule-set.ts'
import type { CorrelateStage } from './correlate-stage.ts'

export interface ExceptionRequest {
  readonly alert: Alert
  readonly fields: Readonly<Record<string, Scalar | readonly Scalar[]>>
  readonly owner: string
  readonly reason: string
  /** Event time, ms. */
  readonly untilMs: number
}

export interface ExceptionDesk {
  list(): ExceptionsOutput
  /** @throws REQUEST_INVALID with the reason it cannot be */
  create(request: ExceptionRequest): WireException
  /** @throws NOT_FOUND, REQUEST_INVALID when the file cannot be written */
  end(id: string): WireException
}

export interface ExceptionDeskOptions {
  readonly folder: string
  readonly rules: () => RuleSet
  readonly excepted: CorrelateStage['excepted']
  readonly now: () => number
  /** Files have changed: whoever judges events reads them. */
  readonly onChange: () => void
}

/** Events that are judged already stay judged: an exception begins a moment after it is made. */
const HEADSTART_MS = 1000

export function openExceptionDesk({ folder, rules, excepted, now, onChange }: ExceptionDeskOptions): ExceptionDesk {
  const since = now()
  const current = () => withExceptionsOf(rules(), folder)
  const wire = (exception: RuleException): WireException => {
    const { id, title, owner, reason, from, until, file } = exception
    const named = namedBy(exception, rules().loaded)
    const loaded = [...named.rules, ...named.correlations]
    const known = exception.rules.map((ref) => {
      const rule = loaded.find((one) => one.id === ref || one.name === ref)
      return rule ? { id: rule.id, title: rule.title } : { id: ref }
    })
    const state = until <= now() ? 'expired' : loaded.length === 0 ? 'idle' : 'active'
    const held = excepted.get(id)
    return {
      id,
      title,
      rules: known,
      owner,
      reason,
      ...(from !== undefined && { from }),
      until,
      state,
      file,
      matches: held?.matches ?? 0,
      ...(held && { lastEventId: held.lastEventId, lastAt: held.lastAt }),
    }
  }
  const write = (file: string, text: string) => {
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 })
      writeFileSync(`${file}.tmp`, text, { mode: 0o600 })
      renameSync(`${file}.tmp`, file)
    } catch (error) {
      throw new PipelineError('REQUEST_INVALID', { problem: `${file} cannot be written (${describe(error)})` })
    }
    onChange()
  }

  return {
    list() {
      const { exceptions, refusedExceptions } = current()
      return {
        exceptions: exceptions.map(wire).sort((a, b) => b.until - a.until || (a.id < b.id ? -1 : 1)),
        refused: refusedExceptions.map(({ file, line, reason }) => ({ file: line ? `${file}:${line}` : file, reason })),
        since,
      }
    },

    create({ alert, fields, owner, reason, untilMs }) {
      const invalid = (problem: string): never => {
        throw new PipelineError('REQUEST_INVALID', { problem })
      }
      const from = Math.ceil((now() + HEADSTART_MS) / 1000) * 1000
      const names = Object.keys(fields)
      if (names.length === 0) invalid('an exception for every event would switch the rule off: name a field at least')
      if (names.some((name) => name.includes('|'))) invalid('a field has no modifiers here; write a file for that')
      if (reason.trim() === '') invalid('an exception says its reason')
      const id = randomUUID()
      const selection = Object.fromEntries(names.map((name) => [name, literal(fields[name] as Scalar)]))
      const text = stringify(
        {
          title: `${alert.title}: ${reason}`.slice(0, 200),
          id,
          exception: {
            rules: [alert.ruleId],
            owner,
            reason,
            from: new Date(from).toISOString(),
            until: new Date(untilMs).toISOString(),
            selection,
            condition: 'selection',
          },
        },
        { lineWidth: 0 },
      )
      const file = join(folder, `${id}.yml`)
      const { exceptions, refused } = readExceptions(text, file)
      const [exception] = exceptions
      if (!exception) return invalid(refused[0]?.reason ?? 'it cannot be read')
      const { loaded } = rules()
      const { rules: named, correlations } = namedBy(exception, loaded)
      if (named.length + correlations.length === 0) invalid(`the rule ${alert.ruleId} is not loaded any more`)
      const against = whyNot(loaded, exception)
      if (against !== undefined) invalid(against)
      write(file, text)
      return wire(exception)
    },

    end(id) {
      const exception = current().exceptions.find((one) => one.id === id)
      if (!exception) throw new PipelineError('NOT_FOUND', { what: `exception ${id.slice(0, 100)}` })
      const documents = parseAllDocuments(readFileSync(exception.file, 'utf8'))
      const until = Math.min(exception.until, now())
      const begun = exception.from === undefined || exception.from <= until
      for (const document of documents) {
        if (readExceptions(String(document), exception.file).exceptions[0]?.id !== id) continue
        document.setIn(['exception', 'until'], new Date(until).toISOString())
        if (!begun) document.setIn(['exception', 'from'], new Date(until).toISOString())
      }
      write(exception.file, documents.map((one) => String(one).replace(/^---\n/, '')).join('---\n'))
      return wire({ ...exception, until, from: begun ? exception.from : until })
    },
  }
}

/** Just this text: what is a wildcard in a rule is none here. */
function literal(value: Scalar | readonly Scalar[]): unknown {
  if (Array.isArray(value)) return value.map((one) => literal(one as Scalar))
  return typeof value === 'string' ? value.replace(/[\\*?]/g, '\\$&') : value
}
