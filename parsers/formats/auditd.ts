// One record of the Linux audit log: `type=SYSCALL msg=audit(1700000000.123:42): arch=c000003e … key="x"`, with what
// auditd adds behind 0x1d when log_format is ENRICHED, and the kernel's own spelling in the system log.
// Sources: audit-userspace's record and field dictionaries, include/uapi/linux/audit.h.

import type { EcsEvent } from '../../core/event.ts'
import { auditArchitectures, auditRecordTypes, x64Syscalls } from './auditd-names.ts'

const HEAD =
  /^(?:audit: )?(?:node=(\S{1,255}) )?(?:type=([A-Za-z0-9_[\]]{1,64}) )?(?:msg=)?audit\((\d{1,12})(?:\.(\d{1,9}))?:(\d{1,12})\): ?/
const KEY = /([A-Za-z][A-Za-z0-9_-]*(?:\[\d{1,6}\])?)=/y
const MAX_FIELDS = 1000

/** Fields a user can choose: the kernel writes them in quotes, or as hex when they hold blanks, quotes or controls. */
const HEXED = new Set(
  'proctitle comm exe cwd name cmd acct data key path dir file root_dir vm img exe_file watch device cgroup old-disk new-disk old-chardev new-chardev old-fs new-fs ocomm new_gecos grp id subj_user terminal hostname'.split(
    ' ',
  ),
)
const HEX = /^(?:[0-9A-F]{2})+$/

/** @returns fields by name, with `record_type`, `sequence`, `time` (s since 1970, text), `node`, `args`, `socket`, `avc` */
export function readAuditd(text: string): EcsEvent | undefined {
  const m = HEAD.exec(text)
  if (!m) return undefined
  const out: EcsEvent = {}
  const type = m[2]?.replace(/^UNKNOWN\[(\d+)\]$/, '$1')
  out['record_type'] = type === undefined ? undefined : (auditRecordTypes[type] ?? type)
  if (m[1] !== undefined) out['node'] = m[1]
  out['time'] = m[4] === undefined ? m[3] : `${m[3]}.${m[4]}`
  out['sequence'] = Number(m[5])
  const mark = text.indexOf('\x1d')
  readFields(text, m[0].length, mark < 0 ? text.length : mark, out)
  if (mark >= 0) {
    const enriched: EcsEvent = {}
    readFields(text, mark + 1, text.length, enriched)
    out['enriched'] = enriched
  }
  finish(out)
  return out
}

function readFields(text: string, from: number, to: number, out: EcsEvent): void {
  let at = from
  const avc = /^avc: {1,2}(granted|denied) {1,2}\{ ?([^}]{0,400}?) ?\} (?:for )?/.exec(
    text.slice(at, Math.min(to, at + 500)),
  )
  if (avc) {
    out['avc'] = { result: avc[1], request: avc[2] }
    at += avc[0].length
  }
  let word = ''
  for (let count = 0; at < to && count < MAX_FIELDS; ) {
    const c = text.charCodeAt(at)
    if (c === 32 || c === 44 || c === 10) {
      at++
      continue
    }
    KEY.lastIndex = at
    const m = KEY.exec(text)
    if (!m || KEY.lastIndex > to) {
      const end = endOfWord(text, at, to)
      word = text.slice(at, end)
      at = end
      continue
    }
    // `old auid=1 new auid=2`, as LOGIN and CONFIG_CHANGE once wrote it
    const key = word === 'old' || word === 'new' ? `${word}_${m[1]}` : (m[1] as string)
    word = ''
    at = KEY.lastIndex
    count++
    const quote = text[at]
    if (key === 'msg' && quote === "'") {
      const end = text.lastIndexOf("'", to)
      readFields(text, at + 1, end > at ? end : to, out)
      at = end > at ? end + 1 : to
    } else if (quote === '"' || quote === "'") {
      const end = closing(text, at + 1, quote, to)
      put(out, key, text.slice(at + 1, end), true)
      at = end + 1
    } else if (quote === '{') {
      const end = text.indexOf('}', at)
      const inner: EcsEvent = {}
      readFields(text, at + 1, end < 0 || end > to ? to : end, inner)
      if (key !== '__proto__') out[key] = inner
      at = end < 0 ? to : end + 1
    } else {
      const end = endOfWord(text, at, to)
      put(out, key, text.slice(at, end), false)
      at = end
    }
  }
}

/** Where a quoted value ends: an apostrophe inside a name is not its end when a letter follows. */
function closing(text: string, from: number, quote: string, to: number): number {
  for (let end = text.indexOf(quote, from); end >= 0 && end <= to; end = text.indexOf(quote, end + 1)) {
    const next = text.charCodeAt(end + 1)
    if (end + 1 >= to || next === 32 || next === 39 || next === 44 || next === 10 || next === 29) return end
  }
  return to
}

function endOfWord(text: string, from: number, to: number): number {
  let at = from
  while (at < to && text.charCodeAt(at) !== 32 && text.charCodeAt(at) !== 10) at++
  return at > from + 1 && text.charCodeAt(at - 1) === 44 ? at - 1 : at
}

function put(out: EcsEvent, key: string, raw: string, quoted: boolean): void {
  if (key === '__proto__' || raw === '' || (!quoted && (raw === '?' || raw === '(null)'))) return
  if (quoted && raw === '?') return
  const base = key.replace(/^(?:old_|new_)/, '')
  // the arguments of a program are hex whenever they are not in quotes; a number elsewhere may look like it
  const argument = out['record_type'] === 'EXECVE' && /^a\d+(?:\[\d+\])?$/.test(key)
  const hexed = !quoted && HEX.test(raw) && (argument || (HEXED.has(base) && raw.length > 2))
  const value = hexed ? unhex(raw) : raw
  // of the same name outside and inside msg='…', the first is the kernel's word
  if (!Object.hasOwn(out, key)) out[key] = value
}

const unhex = (hex: string): string =>
  Buffer.from(hex.slice(0, 64 * 1024), 'hex')
    .toString('utf8')
    .replaceAll(/\0+$/g, '')
    .replaceAll('\0', ' ')

function finish(out: EcsEvent): void {
  const arch = out['arch']
  if (typeof arch === 'string') out['arch'] = auditArchitectures[arch] ?? arch
  const syscall = out['syscall']
  if (out['arch'] === 'x86_64' && typeof syscall === 'string' && /^\d{1,3}$/.test(syscall)) {
    const name = x64Syscalls[Number(syscall)]
    if (name !== undefined) out['syscall_name'] = name
  }
  if (out['record_type'] === 'EXECVE') {
    const args = readArguments(out)
    if (args.length > 0) out['args'] = args
  }
  const saddr = out['saddr']
  const socket = typeof saddr === 'string' ? readSocket(saddr) : undefined
  if (socket) out['socket'] = socket
}

/** `argc=3 a0="sh" a1="-c" a2=6C73202D6C`; a long one comes in parts: `a2_len=… a2[0]=… a2[1]=…`. */
function readArguments(out: EcsEvent): string[] {
  const args: string[] = []
  const count = Math.min(Number(out['argc']) || 0, MAX_FIELDS)
  for (let i = 0; i < count; i++) {
    const whole = out[`a${i}`]
    if (typeof whole === 'string') args.push(whole)
    else {
      let joined = ''
      for (let part = 0; part < MAX_FIELDS; part++) {
        const piece = out[`a${i}[${part}]`]
        if (typeof piece !== 'string') break
        joined += piece
      }
      if (joined !== '') args.push(joined)
    }
  }
  return args
}

/** struct sockaddr in hex: family (host order, little endian), then port and address in network order. */
function readSocket(hex: string): EcsEvent | undefined {
  if (!/^[0-9A-Fa-f]{4,512}$/.test(hex)) return undefined
  const bytes = Buffer.from(hex, 'hex')
  if (bytes.length < 2) return undefined
  const family = bytes.readUInt16LE(0)
  if (family === 2 && bytes.length >= 8)
    return { family: 'ipv4', port: bytes.readUInt16BE(2), address: bytes.subarray(4, 8).join('.') }
  if (family === 10 && bytes.length >= 24) {
    const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(8 + i * 2).toString(16))
    return { family: 'ipv6', port: bytes.readUInt16BE(2), address: shorten(groups) }
  }
  if (family === 1) {
    const end = bytes.indexOf(0, 3)
    return { family: 'unix', path: bytes.toString('utf8', 2, end < 0 ? bytes.length : end).replaceAll('\0', '@') }
  }
  if (family === 16) return { family: 'netlink' }
  return undefined
}

/** RFC 5952: the longest run of zeros is `::`. */
function shorten(groups: readonly string[]): string {
  const text = groups.join(':')
  let best = ''
  for (const [run] of text.matchAll(/(?:^|:)(?:0(?::|$)){2,}/g)) if (run.length > best.length) best = run
  return best === '' ? text : text.replace(best, '::')
}
