// The corpus of the benchmarks: made lines in the mix a small site sends, the same for the same seed. Nothing here is a
// real log.

/** Deterministic 32-bit generator (mulberry32), so that a run can be repeated. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

const users = ['root', 'deploy', 'mina', 'joon', 'backup', 'git', 'postgres', 'alice', 'bob', 'svc-ci']
const people = ['mina', 'joon', 'alice', 'bob', 'deploy', 'svc-ci']
const hosts = ['bastion-1', 'web-1', 'web-2', 'db-1', 'k8s-node-7']
const paths = [
  '/',
  '/login',
  '/api/items',
  '/api/items/42',
  '/static/app.css',
  '/static/app.js',
  '/health',
  '/admin',
  '/cart',
]
const agents = [
  'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36',
  'curl/8.5.0',
  'kube-probe/1.33',
  'python-requests/2.32.3',
]
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/**
 * Syslog lines without their newline: nginx access 50 %, an application's JSON 25 %, iptables 7 %, sshd 5 % (mostly
 * failures of bots), sudo and cron 3 %, a daemon no pack knows 10 %. Mean about 160 bytes.
 * @param start event time of the first line, ms since 1970; 1 ms later each
 */
export function makeLines(count: number, seed: number, start: number): string[] {
  const random = randomOf(seed)
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
  // Few addresses come often, many seldom: 20,000 of them, the first tenth sends almost half.
  const ip = () => {
    const n = Math.floor(random() ** 3 * 20_000)
    return `${[10, 172, 192, 203, 198][n % 5]}.${(n >> 3) % 200}.${(n * 7) % 250}.${1 + (n % 250)}`
  }
  const port = () => 1024 + Math.floor(random() * 64000)
  const lines: string[] = []
  for (let i = 0; i < count; i++) {
    const at = new Date(start + i)
    const head = (pri: number) =>
      `<${pri}>${months[at.getUTCMonth()]} ${String(at.getUTCDate()).padStart(2)} ${at.toISOString().slice(11, 19)} ${pick(hosts)} `
    const dice = random()
    if (dice < 0.004)
      lines.push(
        `${head(86)}sshd[${port()}]: Accepted publickey for ${pick(people)} from 10.20.${Math.floor(random() * 4)}.${1 + Math.floor(random() * 60)} port ${port()} ssh2: ED25519 SHA256:q${i.toString(36)}Zr5tYx`,
      )
    else if (dice < 0.034)
      lines.push(
        `${head(86)}sshd[${port()}]: Failed password for invalid user ${pick(users)}${i % 97} from ${ip()} port ${port()} ssh2`,
      )
    else if (dice < 0.05)
      lines.push(`${head(86)}sshd[${port()}]: pam_unix(sshd:session): session closed for user ${pick(users)}`)
    else if (dice < 0.55) {
      const clf = `${String(at.getUTCDate()).padStart(2, '0')}/${months[at.getUTCMonth()]}/${at.getUTCFullYear()}:${at.toISOString().slice(11, 19)} +0000`
      lines.push(
        `${head(134)}nginx: ${ip()} - ${random() < 0.1 ? pick(users) : '-'} [${clf}] "${pick(['GET', 'GET', 'GET', 'POST'])} ${pick(paths)}?id=${i % 1000} HTTP/1.1" ${pick([200, 200, 200, 304, 404, 500])} ${Math.floor(random() * 50000)} "https://shop.example/" "${pick(agents)}"`,
      )
    } else if (dice < 0.56)
      lines.push(
        `${head(86)}sudo[${port()}]:   ${pick(users)} : TTY=pts/0 ; PWD=/home/x ; USER=root ; COMMAND=/usr/bin/systemctl restart app-${i % 20}`,
      )
    else if (dice < 0.58) lines.push(`${head(78)}CRON[${port()}]: (root) CMD (/usr/local/bin/job-${i % 12} --quiet)`)
    else if (dice < 0.83)
      lines.push(
        `${head(14)}shop[${port()}]: {"level":"${pick(['info', 'warn', 'error'])}","msg":"order placed","order_id":${i},"user":"${pick(users)}","took_ms":${Math.floor(random() * 900)},"trace":{"id":"${i.toString(16).padStart(16, '0')}"}}`,
      )
    else if (dice < 0.9)
      lines.push(
        `${head(4)}kernel: [${(i / 1000).toFixed(6)}] DROP IN=eth0 OUT= MAC=52:54:00:aa:bb:cc SRC=${ip()} DST=10.0.0.5 LEN=60 TOS=0x00 PREC=0x00 TTL=49 ID=${i % 65536} DF PROTO=TCP SPT=${port()} DPT=${pick([22, 23, 80, 445, 3389])} WINDOW=64240 RES=0x00 SYN URGP=0`,
      )
    else
      lines.push(
        `${head(30)}mystery-daemon[${port()}]: worker ${i % 16} finished step ${i % 7} of plan p${i % 1000} without complaint`,
      )
  }
  return lines
}
