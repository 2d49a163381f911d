import type { EcsEvent, EcsValue } from '../../core/event.ts'

/** Dotted names of the fields an event has, each once, objects and arrays of objects opened. */
export function* flatEntries(event: EcsEvent, path = ''): Generator<[string, EcsValue]> {
  for (const key of Object.keys(event)) {
    const value = event[key]
    const name = path ? `${path}.${key}` : key
    if (value === null || value === undefined) continue
    if (typeof value === 'object' && !Array.isArray(value)) yield* flatEntries(value, name)
    else yield [name, value]
  }
}
