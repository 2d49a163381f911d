// Windows event records as evtx tools print them (`{"Event": {"System": ..., "EventData": ...}}`) to the flat shape rules name.

import type { EcsEvent, EcsValue } from '../../core/event.ts'

/**
 * Flat event: System and EventData (or UserData) keys at the top, `Provider_Name`, `Execution_ProcessID` and the like for
 * attributes, spaces stripped from names (`Threat Name` -> `ThreatName`). Values are kept as they are.
 * @returns undefined when the record is none
 */
export function evtxToEvent(record: unknown): EcsEvent | undefined {
  const event = isMap(record) ? (isMap(record['Event']) ? record['Event'] : record) : undefined
  if (!event || !isMap(event['System'])) return undefined
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
    for (const name of Object.keys(attributes)) put(`${key}_${name}`, attributes[name])
    if (value['#text'] !== undefined) put(key, value['#text'])
  }
  const at = out['TimeCreated_SystemTime']
  if (typeof at === 'string') out['@timestamp'] = at
  return out
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
