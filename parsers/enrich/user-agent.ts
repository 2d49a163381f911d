// Who a user agent string says it is: an own small table, first entry that is in the string wins. What is not in it is
// taken by its first product (`name/version`), so that every tool has a name.

import type { EcsEvent } from '../../core/event.ts'

/** Text in the string, name; the version follows the text. In order: those that pretend to be another come before it. */
const AGENTS: readonly (readonly [string, string])[] = [
  // crawlers and probes
  ['Googlebot/', 'Googlebot'],
  ['bingbot/', 'Bingbot'],
  ['Yeti/', 'Yeti'],
  ['Daum/', 'Daumoa'],
  ['Daumoa/', 'Daumoa'],
  ['YandexBot/', 'YandexBot'],
  ['Baiduspider/', 'Baiduspider'],
  ['Applebot/', 'Applebot'],
  ['DuckDuckBot/', 'DuckDuckBot'],
  ['AhrefsBot/', 'AhrefsBot'],
  ['SemrushBot/', 'SemrushBot'],
  ['facebookexternalhit/', 'FacebookBot'],
  ['Twitterbot/', 'Twitterbot'],
  ['Slackbot', 'Slackbot'],
  ['kube-probe/', 'kube-probe'],
  ['GoogleHC/', 'GoogleHC'],
  ['ELB-HealthChecker/', 'ELB-HealthChecker'],
  ['UptimeRobot/', 'UptimeRobot'],
  // scanners
  ['sqlmap/', 'sqlmap'],
  ['Nikto/', 'Nikto'],
  ['Nmap Scripting Engine', 'Nmap'],
  ['masscan/', 'masscan'],
  ['zgrab/', 'zgrab'],
  ['Nuclei', 'Nuclei'],
  ['WPScan v', 'WPScan'],
  // browsers that are built on another
  ['KAKAOTALK ', 'KakaoTalk'],
  ['NAVER(inapp; search; ', 'NAVER'],
  ['Whale/', 'Whale'],
  ['SamsungBrowser/', 'Samsung Internet'],
  ['EdgA/', 'Edge Mobile'],
  ['EdgiOS/', 'Edge Mobile'],
  ['Edg/', 'Edge'],
  ['Edge/', 'Edge'],
  ['OPR/', 'Opera'],
  ['YaBrowser/', 'Yandex Browser'],
  ['Vivaldi/', 'Vivaldi'],
  ['HeadlessChrome/', 'HeadlessChrome'],
  ['Electron/', 'Electron'],
  ['FxiOS/', 'Firefox iOS'],
  ['Firefox/', 'Firefox'],
  ['CriOS/', 'Chrome Mobile iOS'],
  ['Chrome/', 'Chrome'],
  ['Trident/7.0; rv:', 'IE'],
  ['MSIE ', 'IE'],
  ['Version/', 'Safari'],
]

const WINDOWS: Readonly<Record<string, string>> = {
  '10.0': '10',
  '6.3': '8.1',
  '6.2': '8',
  '6.1': '7',
  '6.0': 'Vista',
  '5.2': 'XP',
  '5.1': 'XP',
}
/** Strings are up to strangers: no more of one is looked at. */
const MAX_CHARS = 1024
const MAX_REMEMBERED = 4096

interface Agent {
  readonly name: string | undefined
  readonly version: string | undefined
  readonly os: { readonly name: string; readonly version: string | undefined } | undefined
  readonly device: string
}

const remembered = new Map<string, Agent>()

/** Adds name, version, os and device beside `user_agent.original`; fields that are there stay. */
export function addUserAgent(event: EcsEvent): void {
  const about = event['user_agent']
  if (about === null || typeof about !== 'object' || Array.isArray(about)) return
  const { original } = about
  if (typeof original !== 'string' || original === '') return
  let agent = remembered.get(original)
  if (!agent) {
    agent = readUserAgent(original)
    if (remembered.size >= MAX_REMEMBERED) remembered.clear()
    remembered.set(original, agent)
  }
  const { name, version, os, device } = agent
  if (name !== undefined) about['name'] ??= name
  if (version !== undefined) about['version'] ??= version
  about['device'] ??= { name: device }
  if (os) {
    const { name: system, version: release } = os
    about['os'] ??=
      release === undefined
        ? { name: system, full: system }
        : { name: system, version: release, full: `${system} ${release}` }
  }
}

export function readUserAgent(original: string): Agent {
  const text = original.slice(0, MAX_CHARS)
  const known = AGENTS.find(([mark]) => text.includes(mark))
  // Safari alone says its version apart from its name
  const named = known && (known[0] !== 'Version/' || text.includes('Safari/')) ? known : undefined
  const mobile = text.includes('Mobile')
  let name = named?.[1]
  let version = named && versionAt(text, text.indexOf(named[0]) + named[0].length)
  if (!named) {
    const product = /^([A-Za-z][\w.+-]{0,63})(?:\/v?(\d[\w.+-]{0,31}))?/.exec(text)
    name = product?.[1] === 'Mozilla' ? undefined : product?.[1]
    version = name === undefined ? undefined : product?.[2]
  }
  if (name === 'Chrome' && mobile) name = 'Chrome Mobile'
  else if (name === 'Safari' && mobile) name = 'Mobile Safari'
  else if (name === 'Firefox' && mobile) name = 'Firefox Mobile'
  return { name, version, os: systemOf(text), device: deviceOf(text) }
}

/** Digits and points from there on; underscores are points in Apple's. */
function versionAt(text: string, at: number): string | undefined {
  let end = at
  while (end < text.length && end - at < 32 && /[\d._]/.test(text[end] as string)) end++
  const version = text.slice(at, end).replaceAll('_', '.').replace(/\.+$/, '')
  return version === '' ? undefined : version
}

function after(text: string, mark: string): string | undefined {
  const at = text.indexOf(mark)
  return at < 0 ? undefined : versionAt(text, at + mark.length)
}

function systemOf(text: string): Agent['os'] {
  if (text.includes('Windows')) {
    const release = after(text, 'Windows NT ')
    return { name: 'Windows', version: release === undefined ? undefined : (WINDOWS[release] ?? release) }
  }
  if (/iPhone|iPad|iPod/.test(text)) return { name: 'iOS', version: after(text, ' OS ') }
  if (text.includes('Android')) return { name: 'Android', version: after(text, 'Android ') }
  if (text.includes('Mac OS X')) return { name: 'Mac OS X', version: after(text, 'Mac OS X ') }
  if (text.includes('CrOS ')) return { name: 'Chrome OS', version: undefined }
  if (text.includes('Ubuntu')) return { name: 'Ubuntu', version: after(text, 'Ubuntu/') }
  if (/Linux|linux/.test(text)) return { name: 'Linux', version: undefined }
  return undefined
}

function deviceOf(text: string): string {
  if (/bot\b|Bot\b|spider|Spider|crawl|Yeti\/|Daumoa?\/|externalhit/.test(text)) return 'Spider'
  for (const device of ['iPhone', 'iPad', 'iPod']) if (text.includes(device)) return device
  if (text.includes('Macintosh')) return 'Mac'
  const model = /Android [\d.]{1,12}; (?:[a-z]{2}-[a-z]{2}; )?([\w ().+-]{1,40}?)(?: Build\/|\)|; )/.exec(text)?.[1]
  if (model !== undefined && model !== 'K') return model
  return text.includes('Android') ? 'Generic Smartphone' : 'Other'
}
