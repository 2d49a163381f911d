// A Windows event in any of the shapes it travels in, brought to one: the log's own XML, the same as JSON, what winlogbeat,
// NXLog and Fluent Bit make of it, and Snare's tab-separated syslog line.
// Sources: the Event schema of the Windows event log (Event/System, EventData, UserData), the products' field lists.

import type { EcsEvent, EcsValue } from '../../core/event.ts'
import { readRenderedMessage } from './windows-message.ts'
import { readXml } from './xml.ts'

const isObject = (value: EcsValue): value is EcsEvent =>
  value !== null && typeof value === 'object' && !Array.isArray(value)

/**
 * One shape: `provider guid code version level task opcode keywords time recordId activityId relatedActivityId pid tid channel
 * computer sid account domain outcome message`, the event's own fields in `data` and `userData`.
 * @param json the body when it is a JSON object
 */
export function readWindowsEvent(body: string, json: EcsEvent | undefined): EcsEvent | undefined {
  const found = json ? ofJson(json) : body.startsWith('<') ? ofXml(body) : ofSnare(body)
  if (!found || found['code'] === undefined) return undefined
  const { message } = found
  if (!isObject(found['data']) || Object.keys(found['data']).length === 0) {
    const data = typeof message === 'string' ? readRenderedMessage(message) : undefined
    found['data'] = data
  }
  return found
}

function ofXml(body: string): EcsEvent | undefined {
  const start = body.indexOf('<Event')
  if (start < 0 || (start > 0 && !body.startsWith('<?xml'))) return undefined
  const end = body.lastIndexOf('</Event>')
  const root = end < 0 ? undefined : readXml(body.slice(start, end + 8))
  const event = root?.['Event']
  return isObject(event) ? ofEvent(event) : undefined
}

function ofJson(json: EcsEvent): EcsEvent | undefined {
  const { Event: event, winlog, properties } = json
  if (isObject(event) && isObject(event['System'])) return ofEvent(event)
  if (
    isObject(json['System']) &&
    (isObject(json['EventData']) || isObject(json['UserData']) || isObject(json['System']))
  )
    return ofEvent(json)
  if (isObject(winlog)) return ofWinlogbeat(json, winlog)
  if (isObject(properties) && typeof properties['RawXml'] === 'string') return ofXml(properties['RawXml'])
  if (isObject(properties) && properties['EventId'] !== undefined && properties['ProviderName'] !== undefined)
    return ofFlat({ ...properties, time: json['time'] })
  return ofFlat(json)
}

/** An attribute of an element, whichever way a converter wrote attributes. */
function attribute(element: EcsValue, name: string): EcsValue {
  if (!isObject(element)) return undefined
  const { '#attributes': own, $: dollar } = element
  const bag = isObject(own) ? own : isObject(dollar) ? dollar : undefined
  return bag?.[name] ?? element[`@${name}`] ?? element[`_${name}`] ?? element[name]
}

function textOf(element: EcsValue): EcsValue {
  if (!isObject(element)) return element
  const value = element['#text'] ?? element['_'] ?? element['Value'] ?? element['text']
  return isObject(value) ? undefined : value
}

function ofEvent(event: EcsEvent): EcsEvent | undefined {
  const system = event['System'] as EcsEvent
  if (!isObject(system)) return undefined
  const rendering = isObject(event['RenderingInfo']) ? event['RenderingInfo'] : {}
  const provider = system['Provider']
  const keywords = textOf(system['Keywords'])
  return {
    provider: attribute(provider, 'Name') ?? attribute(provider, 'EventSourceName') ?? textOf(provider),
    guid: attribute(provider, 'Guid'),
    code: codeOf(textOf(system['EventID'])),
    version: textOf(system['Version']),
    level: levelOf(textOf(system['Level'])),
    task: textOf(rendering['Task']) ?? textOf(system['Task']),
    opcode: textOf(rendering['Opcode']) ?? textOf(system['Opcode']),
    keywords,
    time: attribute(system['TimeCreated'], 'SystemTime') ?? textOf(system['TimeCreated']),
    recordId: textOf(system['EventRecordID']),
    activityId: attribute(system['Correlation'], 'ActivityID'),
    relatedActivityId: attribute(system['Correlation'], 'RelatedActivityID'),
    pid: attribute(system['Execution'], 'ProcessID'),
    tid: attribute(system['Execution'], 'ThreadID'),
    channel: textOf(system['Channel']),
    computer: textOf(system['Computer']),
    sid: attribute(system['Security'], 'UserID'),
    outcome: outcomeOf(keywords),
    message: textOf(rendering['Message']) ?? textOf(event['Message'] ?? undefined),
    data: dataOf(event['EventData']),
    userData: userDataOf(event['UserData']),
  }
}

/** `<Data Name="a">1</Data>` and `<Data>1</Data>`; the nameless are param1, param2, … */
function dataOf(value: EcsValue): EcsEvent | undefined {
  if (!isObject(value)) return undefined
  const out: EcsEvent = {}
  let nameless = 0
  const add = (name: string, content: EcsValue) => {
    if (name !== '__proto__' && content !== null && content !== undefined && content !== '') out[name] = content
  }
  for (const key of Object.keys(value)) {
    const inner = value[key]
    if (key === '#attributes' || key === '$' || key === 'xmlns' || key === '@xmlns') continue
    if (key !== 'Data' && key !== 'data') {
      add(key, isObject(inner) ? (textOf(inner) ?? inner) : inner)
      continue
    }
    for (const one of Array.isArray(inner) ? inner : [inner]) {
      if (isObject(one) && Array.isArray(one['#text'])) {
        for (const text of one['#text']) add(`param${++nameless}`, textOf(text))
        continue
      }
      const name = attribute(one, 'Name')
      if (typeof name === 'string') add(name, textOf(one))
      else add(`param${++nameless}`, textOf(one))
    }
  }
  return Object.keys(out).length > 0 ? out : undefined
}

/** UserData holds one element of the provider's own; its children are the fields. */
function userDataOf(value: EcsValue): EcsEvent | undefined {
  if (!isObject(value)) return undefined
  const names = Object.keys(value).filter((key) => !key.startsWith('#') && !key.startsWith('@'))
  const only = names.length === 1 ? value[names[0] as string] : undefined
  const fields = dataOf(isObject(only) ? only : value)
  return fields && isObject(only) ? { xml_name: names[0], ...fields } : fields
}

function ofWinlogbeat(json: EcsEvent, winlog: EcsEvent): EcsEvent {
  const event = isObject(json['event']) ? json['event'] : {}
  const process = isObject(winlog['process']) ? winlog['process'] : {}
  const thread = isObject(process['thread']) ? process['thread'] : {}
  const user = isObject(winlog['user']) ? winlog['user'] : {}
  const log = isObject(json['log']) ? json['log'] : {}
  const { host } = json
  return {
    provider: winlog['provider_name'] ?? event['provider'],
    guid: winlog['provider_guid'],
    code: codeOf(winlog['event_id'] ?? event['code']),
    version: winlog['version'],
    level: levelOf(winlog['level'] ?? log['level']),
    task: winlog['task'],
    opcode: winlog['opcode'],
    keywords: winlog['keywords'],
    time: winlog['time_created'] ?? json['@timestamp'],
    recordId: winlog['record_id'],
    activityId: winlog['activity_id'],
    relatedActivityId: winlog['related_activity_id'],
    pid: process['pid'],
    tid: thread['id'],
    channel: winlog['channel'],
    computer: winlog['computer_name'] ?? (isObject(host) ? host['name'] : undefined),
    sid: user['identifier'],
    account: user['name'],
    domain: user['domain'],
    outcome: winlog['outcome'] ?? event['outcome'] ?? outcomeOf(winlog['keywords']),
    message: json['message'],
    data: isObject(winlog['event_data']) ? winlog['event_data'] : undefined,
    userData: isObject(winlog['user_data']) ? winlog['user_data'] : undefined,
  }
}

/** Names of the same thing in flat JSON: NXLog, Fluent Bit (winlog, winevtlog), old winlogbeat, Get-WinEvent. */
const FLAT: Readonly<Record<string, readonly string[]>> = {
  provider: [
    'SourceName',
    'ProviderName',
    'Provider',
    'Provider_Name',
    'provider_name',
    'source_name',
    'EventSourceName',
  ],
  guid: ['ProviderGuid', 'Guid', 'provider_guid'],
  code: ['EventID', 'EventId', 'event_id', 'Id', 'EventCode'],
  version: ['Version', 'version'],
  level: ['Severity', 'LevelDisplayName', 'Level', 'level', 'EventLevelName'],
  task: ['Category', 'TaskDisplayName', 'Task', 'task', 'TaskCategory'],
  opcode: ['Opcode', 'OpcodeDisplayName', 'OpcodeValue', 'opcode'],
  keywords: ['Keywords', 'KeywordsDisplayNames', 'keywords'],
  time: ['UtcEventTime', 'TimeCreated', 'EventTime', 'SystemTime', 'TimeGenerated', 'time', '@timestamp', 'timestamp'],
  recordId: ['RecordNumber', 'EventRecordID', 'EventRecordId', 'RecordId', 'record_number'],
  activityId: ['ActivityID', 'ActivityId', 'activity_id'],
  relatedActivityId: ['RelatedActivityID', 'RelatedActivityId'],
  pid: ['ExecutionProcessID', 'ProcessID', 'Pid', 'Execution_ProcessID', 'process_id'],
  tid: ['ExecutionThreadID', 'ThreadID', 'ThreadId', 'Tid', 'Execution_ThreadID', 'thread_id'],
  channel: ['Channel', 'LogName', 'log_name', 'EventLog'],
  computer: ['Hostname', 'Computer', 'ComputerName', 'MachineName', 'computer_name'],
  sid: ['UserID', 'Security_UserID'],
  account: ['AccountName'],
  domain: ['Domain'],
  message: ['Message', 'message', 'Description', 'RenderedDescription'],
}
/** What the collectors add of their own. */
const NO_DATA = new Set(
  'EventReceivedTime SourceModuleName SourceModuleType EventType SeverityValue AccountType Type StringInserts Qualifiers'.split(
    ' ',
  ),
)

function ofFlat(json: EcsEvent): EcsEvent | undefined {
  const out: EcsEvent = {}
  const taken = new Set<string>()
  for (const name in FLAT)
    for (const key of FLAT[name] as readonly string[]) {
      const value = json[key]
      // of two names the first is it; Sysmon's ProcessId is data, NXLog's ProcessID is not
      if (value === undefined || value === null || value === '') continue
      taken.add(key)
      if (out[name] === undefined) out[name] = value
    }
  // a number of an event alone may be anybody's: who wrote it must be there
  if (out['code'] === undefined || (out['provider'] === undefined && out['channel'] === undefined)) return undefined
  const data: EcsEvent = {}
  const nested = json['event_data'] ?? json['EventData']
  if (isObject(nested)) Object.assign(data, nested)
  else {
    // Sysmon and Defender have fields named like the log's own: of Sysmon they are data where both are there
    for (const key of Object.keys(json)) {
      const value = json[key]
      if (!taken.has(key) && !NO_DATA.has(key) && value !== null && value !== '') data[key] = value
    }
  }
  const { EventType: type } = json
  out['outcome'] = outcomeOf(type) ?? outcomeOf(out['keywords'])
  out['code'] = codeOf(out['code'])
  out['level'] = levelOf(out['level'])
  out['data'] = data
  const time = out['time']
  if (typeof time === 'string') out['time'] = /^\/Date\((\d+)\)\/$/.exec(time)?.[1] ?? time
  return out
}

/** Snare: MSWinEventLog, criticality, log, counter, time, id, provider, user, SID type, type, computer, category, data, text. */
function ofSnare(body: string): EcsEvent | undefined {
  const text = body.includes('#011') && !body.includes('\t') ? body.replaceAll('#011', '\t') : body
  const cells = text.slice(0, 64 * 1024).split('\t')
  const start = cells.findIndex((cell) => cell.endsWith('MSWinEventLog'))
  const [criticality, channel, , time, code, provider, user, , type, computer, category, , ...rest] = cells.slice(
    start + 1,
  )
  if (rest.length === 0 || !/^[0-4]$/.test(criticality ?? '') || !/^\d{1,5}$/.test(code ?? '')) return undefined
  const domain = user?.includes('\\') ? user.slice(0, user.indexOf('\\')) : undefined
  const message = (rest.length > 1 && /^\d*$/.test(rest.at(-1) as string) ? rest.slice(0, -1) : rest).join(' ').trim()
  return {
    provider,
    code,
    channel,
    time,
    level: levelOf(type),
    task: category,
    computer,
    account: user === 'N/A' ? undefined : user?.slice(user.indexOf('\\') + 1),
    domain,
    keywords: type?.includes('Audit') ? type : undefined,
    outcome: outcomeOf(type),
    message,
  }
}

function codeOf(value: EcsValue): string | undefined {
  const text = typeof value === 'number' ? String(value) : value
  // the upper 16 bits of an old identifier are severity and facility
  return typeof text === 'string' && /^\d{1,10}$/.test(text) ? String(Number(text) & 0xffff) : undefined
}

const LEVELS: Readonly<Record<string, string>> = {
  0: 'information',
  1: 'critical',
  2: 'error',
  3: 'warning',
  4: 'information',
  5: 'verbose',
  info: 'information',
  informational: 'information',
  'success audit': 'information',
  'failure audit': 'information',
  audit_success: 'information',
  audit_failure: 'information',
}

function levelOf(value: EcsValue): string | undefined {
  if (typeof value !== 'string' && typeof value !== 'number') return undefined
  const text = String(value).toLowerCase()
  return LEVELS[text] ?? (/^[a-z]{1,20}$/.test(text) ? text : undefined)
}

const AUDIT_FAILURE = 0x10_0000_0000_0000n
const AUDIT_SUCCESS = 0x20_0000_0000_0000n

/** Names (`Audit Failure`), a hex mask or a signed number. */
function outcomeOf(value: EcsValue): string | undefined {
  if (Array.isArray(value)) {
    for (const one of value) {
      const found = outcomeOf(one)
      if (found) return found
    }
    return undefined
  }
  if (typeof value === 'number') return Number.isInteger(value) ? outcomeOfMask(BigInt(value)) : undefined
  const text = String(value ?? '').toLowerCase()
  if (/^audit[_ ]success$|^success audit$/.test(text)) return 'success'
  if (/^audit[_ ]failure$|^failure audit$/.test(text)) return 'failure'
  if (!/^(?:0x[0-9a-f]{1,16}|-?\d{9,20})$/.test(text)) return undefined
  return outcomeOfMask(BigInt(text))
}

function outcomeOfMask(signed: bigint): string | undefined {
  const mask = BigInt.asUintN(64, signed)
  return mask & AUDIT_FAILURE ? 'failure' : mask & AUDIT_SUCCESS ? 'success' : undefined
}
