// Own lines of four kinds and lines of none, with the pattern each is read by and parsers written by hand for two: what
// the grok benchmarks measure. The same lines in every run.

import type { EcsEvent } from '../core/event.ts'

/** Lines of each kind. */
export const LINES = 4000

/** Numerical Recipes' generator: the same lines in every run. */
let seed = 20_261
const random = (below: number): number => {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0
  return Math.floor((seed / 2 ** 32) * below)
}
export const pick = <T>(items: readonly T[]): T => items[random(items.length)]!
const ip = () => `${1 + random(223)}.${random(256)}.${random(256)}.${1 + random(254)}`
const port = () => 1024 + random(64_000)
const two = (n: number) => String(n).padStart(2, '0')
const clock = () => `${two(random(24))}:${two(random(60))}:${two(random(60))}`
const month = () => pick(['Jan', 'Mar', 'Jun', 'Sep', 'Nov', 'Dec'])
const stamp = () => `${month()} ${String(1 + random(28)).padStart(2, ' ')} ${clock()}`
const user = () => pick(['root', 'deploy', 'mina', 'backup', 'oracle', 'jisoo'])
const host = () => pick(['edge-01', 'db7.int.example', 'bastion', 'web-12'])
const make = (line: () => string) => Array.from({ length: LINES }, line)

export const sshd = make(() =>
  pick([
    () => `${stamp()} ${host()} sshd[${port()}]: Failed password for ${user()} from ${ip()} port ${port()} ssh2`,
    () =>
      `${stamp()} ${host()} sshd[${port()}]: Failed password for invalid user ${user()} from ${ip()} port ${port()} ssh2`,
    () => `${stamp()} ${host()} sshd[${port()}]: Accepted password for ${user()} from ${ip()} port ${port()} ssh2`,
  ])(),
)
export const access = make(
  () =>
    `${ip()} - ${pick(['-', user()])} [${two(1 + random(28))}/${month()}/2026:${clock()} +0900] "${pick(['GET', 'POST', 'HEAD'])} /${pick(['api/v2/orders', 'static/app.js', 'login', 'search'])}?id=${random(99_999)} HTTP/1.1" ${pick([200, 204, 304, 404, 500])} ${random(90_000)} "https://shop.example/${random(500)}" "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/1${random(99)}.0.0.0 Safari/537.36"`,
)
const mac = () => Array.from({ length: 14 }, () => two(random(99))).join(':')
export const iptables = make(
  () =>
    `${stamp()} ${host()} kernel: [${random(99_999)}.${100_000 + random(899_999)}] DROP IN=eth0 OUT= MAC=${mac()} SRC=${ip()} DST=${ip()} LEN=${40 + random(1400)} TOS=0x00 PREC=0x00 TTL=${random(255)} ID=${random(65_535)} DF PROTO=TCP SPT=${port()} DPT=${random(1024)} WINDOW=${random(65_535)} RES=0x00 SYN URGP=0`,
)
export const asa = make(
  () =>
    `<166>${stamp()} fw-${random(9)} : %ASA-6-30201${pick([3, 5])}: Built ${pick(['inbound', 'outbound'])} ${pick(['TCP', 'UDP'])} connection ${random(9_999_999)} for outside:${ip()}/${port()} (${ip()}/${port()}) to inside:${ip()}/${port()} (${ip()}/${port()})`,
)
export const nothing = make(
  () =>
    `${stamp()} ${host()} appd[${port()}]: worker ${random(64)} finished job ${random(1e6)} in ${random(900)} ms, queue ${pick(['mail', 'thumbs', 'billing'])} has ${random(40)} left`,
)

const SSHD =
  '^%{SYSLOGBASE} %{WORD:[event][outcome]} password for (?:invalid user )?%{USERNAME:[user][name]} from %{IP:[source][ip]} port %{INT:[source][port]:int} %{WORD:[network][protocol]}$'
const ASA =
  '^<%{POSINT:[log][syslog][priority]:int}>%{CISCOTIMESTAMP:timestamp} %{SYSLOGHOST:[host][hostname]} ?: %%{CISCOTAG:[cisco][asa][tag]}: %{CISCOFW302013_302014_302015_302016}'

/** Name, lines, pattern. */
export const cases = [
  ['sshd', sshd, SSHD],
  ['access log', access, '^%{COMBINEDAPACHELOG}$'],
  [
    'iptables',
    iptables,
    '^%{SYSLOGTIMESTAMP:timestamp} %{SYSLOGHOST:[host][hostname]} kernel: \\[%{SPACE}%{NUMBER}\\] %{WORD:[event][action]} %{IPTABLES}',
  ],
  ['Cisco ASA', asa, ASA],
] as const

export function handSshd(line: string): EcsEvent | undefined {
  const hostEnd = line.indexOf(' ', 16)
  const open = line.indexOf('[', hostEnd)
  const close = line.indexOf(']: ', open)
  if (hostEnd < 0 || open < 0 || close < 0) return undefined
  const word = line.indexOf(' ', close + 3)
  if (!line.startsWith(' password for ', word)) return undefined
  let name = word + 14
  if (line.startsWith('invalid user ', name)) name += 13
  const from = line.indexOf(' from ', name)
  const portAt = line.indexOf(' port ', from)
  const end = line.indexOf(' ', portAt + 6)
  if (from < 0 || portAt < 0 || end < 0) return undefined
  return {
    timestamp: line.slice(0, 15),
    host: { hostname: line.slice(16, hostEnd) },
    process: { name: line.slice(hostEnd + 1, open), pid: Number(line.slice(open + 1, close)) },
    event: { outcome: line.slice(close + 3, word) },
    user: { name: line.slice(name, from) },
    source: { ip: line.slice(from + 6, portAt), port: Number(line.slice(portAt + 6, end)) },
    network: { protocol: line.slice(end + 1) },
  }
}

export function handAccess(line: string): EcsEvent | undefined {
  const a = line.indexOf(' ')
  const b = line.indexOf(' ', a + 1)
  const c = line.indexOf(' [', b + 1)
  const d = line.indexOf('] "', c)
  const e = line.indexOf(' ', d + 3)
  const f = line.indexOf(' HTTP/', e)
  const g = line.indexOf('" ', f)
  const h = line.indexOf(' ', g + 2)
  const i = line.indexOf(' "', h + 1)
  const j = line.indexOf('" "', i)
  if (a < 0 || b < 0 || c < 0 || d < 0 || e < 0 || f < 0 || g < 0 || h < 0 || i < 0 || j < 0) return undefined
  const name = line.slice(b + 1, c)
  const event: EcsEvent = {
    source: { address: line.slice(0, a) },
    timestamp: line.slice(c + 2, d),
    http: {
      request: { method: line.slice(d + 3, e), referrer: line.slice(i + 2, j) },
      version: line.slice(f + 6, g),
      response: { status_code: Number(line.slice(g + 2, h)), body: { bytes: Number(line.slice(h + 1, i)) } },
    },
    url: { original: line.slice(e + 1, f) },
    user_agent: { original: line.slice(j + 3, -1) },
  }
  if (name !== '-') event['user'] = { name }
  return event
}
