// What the sidebar shows of every field: its most frequent values, smallest and largest, in one pass over the newest events.

import { compareCells } from '../../../core/cells.ts'
import type { Scalar } from '../../../core/event.ts'
import { fieldType } from '../../../core/fields.ts'
import type { AggregateResult, FieldCount } from '../../../core/store.ts'
import { eachBlock, eachValue } from '../aggregate.ts'
import type { QueryContext } from '../plan.ts'
import { toNumber } from '../values.ts'

/** Beyond so many distinct values a field is not counted on: nothing of it is frequent. */
const MAX_DISTINCT = 20_000
/** Longer values are not for a sidebar. */
const MAX_LENGTH = 256
const MAX_FIELDS = 2000

interface Seen {
  readonly counts: Map<Scalar, number>
  min: Scalar | undefined
  max: Scalar | undefined
  over: boolean
}

export async function fieldStatistics(
  context: QueryContext,
  counted: { total: number; fields: readonly FieldCount[] },
  { top, events }: { top: number; events: number },
): Promise<Omit<AggregateResult, 'tookMs'>> {
  const seen = new Map<string, Seen>()
  for (const { name, type } of counted.fields.slice(0, MAX_FIELDS)) {
    if (type !== 'text' && name !== 'event.original') {
      seen.set(name, { counts: new Map(), min: undefined, max: undefined, over: false })
    }
  }
  const newest = [...context.snapshots].sort((a, b) => b.segment.maxTime - a.segment.maxTime)
  const full = new Error('enough')
  let looked = 0
  const stats = { segments: 0, pruned: 0, rows: 0 }
  try {
    await eachBlock({ ...context, snapshots: newest, stats }, false, (selected) => {
      if (looked >= events) throw full
      looked += selected.count
      for (const [name, field] of seen) {
        if (field.over && field.min === undefined) continue
        eachValue(selected, name, (_row, value) => note(field, value, name))
      }
    })
  } catch (error) {
    if (error !== full) throw error
  }
  return {
    total: counted.total,
    looked,
    fields: counted.fields.map((field) => ({ ...field, ...told(seen, field, top) })),
  }
}

function note(field: Seen, value: Scalar, name: string): void {
  if (typeof value === 'string' && value.length > MAX_LENGTH) field.over = true
  if (!field.over) {
    field.counts.set(value, (field.counts.get(value) ?? 0) + 1)
    if (field.counts.size > MAX_DISTINCT) {
      field.over = true
      field.counts.clear()
    }
  }
  if (typeof value === 'boolean') return
  const type = fieldType(name)
  const ordered = type === 'date' ? value : (toNumber(value) ?? (type === 'keyword' ? undefined : value))
  if (ordered === undefined || type === 'ip') return
  if (field.min === undefined || compareCells(ordered, field.min) < 0) field.min = ordered
  if (field.max === undefined || compareCells(ordered, field.max) > 0) field.max = ordered
}

function told(seen: ReadonlyMap<string, Seen>, { name }: FieldCount, top: number): Partial<FieldCount> {
  const field = seen.get(name)
  if (!field) return {}
  const { min, max, over, counts } = field
  const bounds = min !== undefined && max !== undefined ? { min, max } : {}
  if (over) return bounds
  const values = [...counts]
    .map(([value, count]) => ({ value, count }))
    .sort((a, b) => b.count - a.count || compareCells(a.value, b.value))
    .slice(0, top)
  return { ...bounds, distinct: counts.size, values }
}
