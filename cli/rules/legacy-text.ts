// Writes a rule with an aggregation of before Sigma 2 as what it always meant: a rule and a correlation over it. Everything
// that describes the rule, its author and licence first of all, stays with the correlation, which keeps the id.

import { createHash } from 'node:crypto'
import { stringify } from 'yaml'
import { type LegacyAggregation, parseLegacy } from '../../correlator/sigma/legacy.ts'

type Written = Record<string, unknown>

export interface Turned {
  readonly text: string
  readonly notes: readonly string[]
}

/**
 * @param doc one document, as YAML gives it
 * @param timeframe for a rule that says none
 * @returns undefined when the rule has no aggregation
 * @throws SigmaProblem for an aggregation nothing corresponds to
 */
export function turnLegacy(doc: Written, timeframe: string): Turned | undefined {
  const detection = doc['detection'] as Written | undefined
  const written = detection?.['condition']
  const condition = Array.isArray(written) && written.length === 1 ? (written[0] as unknown) : written
  if (!detection || typeof condition !== 'string') return undefined
  const legacy = parseLegacy(condition, ['detection', 'condition'])
  if (!legacy) return undefined
  const notes = [`'${condition.slice(condition.indexOf('|')).trim()}' became a ${legacy.type} correlation`]
  const span = detection['timeframe']
  if (span === undefined) notes.push(`it names no timeframe: ${timeframe} was written, see whether that is meant`)
  if (legacy.near.length > 0) notes.push("'near' names no group: events of all hosts are put together")

  const { condition: _c, timeframe: _t, ...selections } = detection
  const { id, title, level, tags, falsepositives, logsource, detection: _d, name: _n, ...about } = doc
  const own = typeof id === 'string' ? id : createHash('sha256').update(JSON.stringify(doc)).digest('hex')
  const nameOf = (part: string) => `legacy_${own.replace(/[^0-9A-Za-z]/g, '').slice(0, 12)}_${part}`
  const parts = [{ part: 'base', condition: legacy.condition }]
  for (const { selection } of legacy.near)
    if (!parts.some(({ part }) => part === selection)) parts.push({ part: selection, condition: selection })
  const rules = parts.map(({ part, condition: of }) => ({
    title: `${String(title ?? own)} (${part})`,
    id: uuidOf(own, part),
    name: nameOf(part),
    description: 'Used by the correlation below; does not alert by itself.',
    ...(about['author'] === undefined ? {} : { author: about['author'] }),
    ...(about['license'] === undefined ? {} : { license: about['license'] }),
    logsource,
    detection: { ...selections, condition: of },
    level: 'informational',
  }))
  const correlation = {
    title,
    id,
    ...about,
    ...(tags === undefined ? {} : { tags }),
    correlation: {
      type: legacy.type,
      rules: rules.map(({ name }) => name),
      ...(legacy.groupBy.length === 0 ? {} : { 'group-by': legacy.groupBy }),
      timespan: span ?? timeframe,
      ...conditionOf(legacy, nameOf),
    },
    ...(falsepositives === undefined ? {} : { falsepositives }),
    ...(level === undefined ? {} : { level }),
  }
  const head = notes.map((note) => `# ${note}\n`).join('')
  return { text: head + [...rules, correlation].map((one) => stringify(one, { lineWidth: 0 })).join('---\n'), notes }
}

function conditionOf({ near, bounds, fields }: LegacyAggregation, nameOf: (part: string) => string): Written {
  if (near.length === 0)
    return {
      condition: {
        ...(fields.length > 0 && { field: fields[0] }),
        ...Object.fromEntries(bounds.map(({ op, value }) => [op, value])),
      },
    }
  if (!near.some(({ negated }) => negated)) return {}
  const terms = near.map(({ selection, negated }) => `${negated ? 'not ' : ''}${nameOf(selection)}`)
  return { condition: [nameOf('base'), ...terms].join(' and ') }
}

/** A UUID that is the same at every import. */
function uuidOf(id: string, part: string): string {
  const hex = createHash('sha256').update(`${id}\n${part}`).digest('hex')
  const variant = ((Number.parseInt(hex[16] as string, 16) & 3) | 8).toString(16)
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}
