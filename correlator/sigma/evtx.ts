// Windows event records as evtx tools print them (`{"Event": {"System": ..., "EventData": ...}}`) to the flat shape rules name.

import type { EcsEvent, EcsValue } from '../../core/event.ts'

/**
 * Flat event: System and EventData (or UserData) keys at the top, `Provider_Name`, `Execution_ProcessID` and the like for
 * attributes, spaces stripped from names (`Threat Name` -> `ThreatName`). Values are kept as they are. Attributes may stand
 * under `#attributes` (evtx_dump) or as `@Name` (XML to JSON); a record that is flat already is taken as it is.
 * @returns undefined when the record is none
 */
export function evtxToEvent(record: unknown): EcsEvent | undefined {
  const event = isMap(record) ? (isMap(record['Event']) ? record['Event'] : record) : undefined
  if (!event) return undefined
  if (!isMap(event['System'])) return isFlat(event) ? fromFlat(event as EcsEvent) : undefined
  const out: EcsEvent = {}
  const put = (key: string, value: unknown) => {
    const name = key.replaceAll(' ', '')
    if (name !== '__proto__' && !name.startsWith('#') && !Object.hasOwn(out, name)) out[name] = value as EcsValue
  }
  // EventData first: where a name is in both (`Level`), the event's own data is what rules mean.
  for (const part of ['EventData', 'UserData', 'ProcessingErrorData']) addData(event[part], put, 0)
  const system = event['System']
  for (const key of Object.keys(system)) {
    const value = system[key]
    if (!isMap(value)) {
      put(key, value)
      continue
    }
    const attributes = isMap(value['#attributes']) ? value['#attributes'] : value
    for (const name of Object.keys(attributes))
      if (name !== '#text') put(`${key}_${name.replace('@', '')}`, attributes[name])
    if (value['#text'] !== undefined) put(key, value['#text'])
  }
  return withTime(out)
}

/** Shippers and published recordings write System and EventData keys side by side. */
const isFlat = (event: Record<string, unknown>): boolean =>
  typeof event['Channel'] === 'string' && event['EventID'] !== undefined

/** Shippers rename two of System's keys. */
function fromFlat(event: EcsEvent): EcsEvent {
  const { SourceName, Hostname } = event
  return withTime({
    ...(SourceName !== undefined && { Provider_Name: SourceName }),
    ...(Hostname !== undefined && { Computer: Hostname }),
    ...event,
  })
}

function withTime(event: EcsEvent): EcsEvent {
  const at = event['TimeCreated_SystemTime']
  if (typeof at === 'string') event['@timestamp'] = at
  return event
}

function addData(node: unknown, put: (key: string, value: unknown) => void, depth: number): void {
  if (!isMap(node) || depth > 8) return
  for (const key of Object.keys(node)) {
    const value = node[key]
    if (key === '#attributes') continue
    if (key === 'Data') addUnnamed(value, put)
    else if (isMap(value) && value['#text'] !== undefined) put(key, value['#text'])
    else if (isMap(value)) addData(value, put, depth + 1)
    else put(key, value)
  }
}

/** `<Data>` without names stays one field of several values; with names, each is a field. */
function addUnnamed(node: unknown, put: (key: string, value: unknown) => void): void {
  const list = Array.isArray(node) ? node : [node]
  const plain: unknown[] = []
  for (const one of list) {
    const attributes = isMap(one) && isMap(one['#attributes']) ? one['#attributes'] : undefined
    const name = attributes?.['Name'] ?? (isMap(one) ? one['@Name'] : undefined)
    const value = isMap(one) ? one['#text'] : one
    if (typeof name === 'string') put(name, value ?? null)
    else if (Array.isArray(value)) plain.push(...value)
    else if (value !== undefined) plain.push(value)
  }
  if (plain.length > 0) put('Data', plain)
}

const isMap = (node: unknown): node is Record<string, unknown> =>
  node !== null && typeof node === 'object' && !Array.isArray(node)
