// `start --demo`: a believable 60-second attack over the real inputs (syslog TCP, audit webhook), with ordinary traffic
// around it. Addresses are from the documentation ranges (RFC 5737), names are invented.

import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export interface DemoTargets {
  readonly syslogPort: number
  readonly httpAddress: string
  readonly now: () => number
  readonly signal: AbortSignal
  /** 1 is real time; tests pass more. */
  readonly speed?: number
}

type Step =
  | { readonly at: number; readonly syslog: string; readonly host: string; readonly pri: number }
  | { readonly at: number; readonly audit: object }

const attacker = '203.0.113.77'

/** Seconds from the start, in order. Exported for the test that says which alerts the demo must raise. */
export function demoSteps(): Step[] {
  const steps: Step[] = []
  const auth = (at: number, host: string, syslog: string) => steps.push({ at, host, syslog, pri: 10 * 8 + 6 })
  const web = (at: number, path: string, status: number, ip = '198.51.100.20') =>
    steps.push({
      at,
      host: 'web-1',
      pri: 16 * 8 + 6,
      syslog: `nginx: ${ip} - - [@CLF@] "GET ${path} HTTP/1.1" ${status} ${200 + path.length * 7} "-" "Mozilla/5.0 (X11; Linux x86_64)"`,
    })

  // Ordinary life: pages, cron, an administrator who signs in with a key.
  for (let i = 0; i < 40; i++)
    web(i * 1.5, ['/', '/login', '/api/items?page=2', '/static/app.css'][i % 4] ?? '/', i % 13 === 5 ? 404 : 200)
  for (let i = 0; i < 6; i++) {
    steps.push({
      at: i * 10,
      host: 'db-1',
      pri: 9 * 8 + 6,
      syslog: `CRON[${2100 + i}]: (root) CMD (/usr/local/bin/rotate-backups --keep 7)`,
    })
  }
  auth(
    1,
    'bastion-1',
    'sshd[3120]: Accepted publickey for mina from 192.0.2.14 port 52144 ssh2: ED25519 SHA256:Ab3dEf6hIj9kLm2nOp5qRs8tUv1wXy4zAb3dEf6hIj8',
  )
  auth(
    3,
    'bastion-1',
    'sudo[3155]:     mina : TTY=pts/0 ; PWD=/home/mina ; USER=root ; COMMAND=/usr/bin/systemctl status nginx',
  )

  // 1. Guessing: many names, then one password fits.
  const names = [
    'admin',
    'test',
    'oracle',
    'ubuntu',
    'git',
    'deploy',
    'deploy',
    'deploy',
    'deploy',
    'deploy',
    'deploy',
    'deploy',
  ]
  names.forEach((name, i) => {
    const unknown = ['admin', 'test', 'oracle', 'git'].includes(name) ? 'invalid user ' : ''
    const port = 41000 + i * 3
    if (unknown) auth(5 + i * 1.2, 'bastion-1', `sshd[${3300 + i}]: Invalid user ${name} from ${attacker} port ${port}`)
    auth(
      5.2 + i * 1.2,
      'bastion-1',
      `sshd[${3300 + i}]: Failed password for ${unknown}${name} from ${attacker} port ${port} ssh2`,
    )
  })
  auth(20.5, 'bastion-1', `sshd[3390]: Accepted password for deploy from ${attacker} port 41990 ssh2`)
  auth(20.6, 'bastion-1', 'sshd[3390]: pam_unix(sshd:session): session opened for user deploy(uid=1004) by (uid=0)')

  // 2. Root on the bastion, a way back in.
  auth(26, 'bastion-1', 'sudo[3412]:   deploy : TTY=pts/1 ; PWD=/home/deploy ; USER=root ; COMMAND=/bin/bash')
  auth(
    29,
    'bastion-1',
    'useradd[3431]: new user: name=sysupdate, UID=1099, GID=1099, home=/home/sysupdate, shell=/bin/bash, from=/dev/pts/1',
  )
  steps.push({ at: 31, host: 'bastion-1', pri: 9 * 8 + 6, syslog: 'crontab[3440]: (root) REPLACE (root)' })

  // 3. Into the cluster: a shell in a pod, then the secrets.
  let audits = 0
  const audit = (at: number, verb: string, objectRef: object, requestURI: string, code = 200) =>
    steps.push({
      at,
      audit: {
        kind: 'Event',
        apiVersion: 'audit.k8s.io/v1',
        level: 'Metadata',
        auditID: `7d1f0c52-0000-4000-8000-${String(++audits).padStart(12, '0')}`,
        stage: 'ResponseComplete',
        requestURI,
        verb,
        user: {
          username: 'system:serviceaccount:ci:deployer',
          groups: ['system:serviceaccounts', 'system:authenticated'],
        },
        sourceIPs: [attacker],
        userAgent: 'kubectl/v1.33.1 (linux/amd64)',
        objectRef: { apiVersion: 'v1', ...objectRef },
        responseStatus: { metadata: {}, code },
        annotations: { 'authorization.k8s.io/decision': code === 403 ? 'forbid' : 'allow' },
      },
    })
  audit(38, 'list', { resource: 'pods', namespace: 'payments' }, '/api/v1/namespaces/payments/pods')
  audit(
    40,
    'create',
    { resource: 'pods', subresource: 'exec', namespace: 'payments', name: 'ledger-7c9d5b8f6-x2x8q' },
    '/api/v1/namespaces/payments/pods/ledger-7c9d5b8f6-x2x8q/exec?command=sh&stdin=true&tty=true',
    101,
  )
  audit(45, 'list', { resource: 'secrets', namespace: 'payments' }, '/api/v1/namespaces/payments/secrets')
  ;['db-credentials', 'tls-key', 'signing-key', 'registry-pull'].forEach((name, i) => {
    audit(
      46 + i,
      'get',
      { resource: 'secrets', namespace: 'payments', name },
      `/api/v1/namespaces/payments/secrets/${name}`,
    )
  })
  audit(52, 'list', { resource: 'secrets', namespace: 'kube-system' }, '/api/v1/namespaces/kube-system/secrets', 403)
  auth(58, 'bastion-1', `sshd[3390]: Disconnected from user deploy ${attacker} port 41990`)
  return steps.sort((a, b) => a.at - b.at)
}

/** Plays the steps; resolves at the end or when the signal aborts. */
export async function playDemo({ syslogPort, httpAddress, now, signal, speed = 1 }: DemoTargets): Promise<void> {
  const socket = connect(syslogPort, '127.0.0.1')
  await once(socket, 'connect', { signal })
  // The auditIDs of one demo must differ from those of the last, or the second demo would be taken for a resend.
  const run = now().toString(16).padStart(12, '0').slice(-8)
  const start = now()
  try {
    for (const step of demoSteps()) {
      const wait = start + (step.at * 1000) / speed - now()
      if (wait > 0) await sleep(wait, undefined, { signal })
      if ('syslog' in step)
        socket.write(
          `<${step.pri}>${rfc3164Time(now())} ${step.host} ${step.syslog.replace('@CLF@', clfTime(now()))}\n`,
        )
      else await postAudit(httpAddress, step.audit, run, now())
    }
    socket.end()
    await once(socket, 'close', { signal })
  } finally {
    socket.destroy()
  }
}

async function postAudit(httpAddress: string, audit: object, run: string, at: number): Promise<void> {
  const time = new Date(at).toISOString().replace('Z', '000Z')
  const item = { ...audit, requestReceivedTimestamp: time, stageTimestamp: time }
  Object.assign(item, { auditID: (audit as { auditID: string }).auditID.replace(/^[^-]+/, run) })
  const response = await fetch(`${httpAddress}/v1/kubernetes/audit/demo`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ kind: 'EventList', apiVersion: 'audit.k8s.io/v1', metadata: {}, items: [item] }),
  })
  if (!response.ok) throw new Error(`the audit webhook answered ${response.status}`)
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** RFC 3164 section 4.1.2, in UTC. */
function rfc3164Time(at: number): string {
  const d = new Date(at)
  return `${months[d.getUTCMonth()]} ${String(d.getUTCDate()).padStart(2)} ${d.toISOString().slice(11, 19)}`
}

/** The common log format's time. */
function clfTime(at: number): string {
  const d = new Date(at)
  return `${String(d.getUTCDate()).padStart(2, '0')}/${months[d.getUTCMonth()]}/${d.getUTCFullYear()}:${d.toISOString().slice(11, 19)} +0000`
}
