// Made-up events of many kinds for tests and measurements: nested ECS as our parsers give it. The same seed gives the same
// events. Nothing in them is meant to be malicious.

import type { EcsEvent } from '../../core/event.ts'

/** A small generator of even numbers in [0, 1): mulberry32. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

const users = ['alice', 'bob', 'svc-backup', 'minji', 'jiho', 'SYSTEM', 'www-data']
const hosts = ['web-01', 'db-02', 'WS-1043', 'WS-2210', 'DC01', 'build-7']
/** Programs with the parent and the arguments they usually have. */
const windowsProcesses = [
  ['C:\\Windows\\System32\\svchost.exe', 'C:\\Windows\\System32\\services.exe', '-k netsvcs -p -s Schedule'],
  ['C:\\Windows\\System32\\taskhostw.exe', 'C:\\Windows\\System32\\svchost.exe', 'Install $(Arg0)'],
  [
    'C:\\Windows\\System32\\SearchProtocolHost.exe',
    'C:\\Windows\\System32\\SearchIndexer.exe',
    'Global\\UsGthrFltPipe',
  ],
  [
    'C:\\Program Files\\Editor\\editor.exe',
    'C:\\Windows\\explorer.exe',
    '"C:\\Users\\alice\\Documents\\보고서 2026.docx"',
  ],
  [
    'C:\\Program Files (x86)\\Browser\\Application\\browser.exe',
    'C:\\Program Files (x86)\\Browser\\Application\\browser.exe',
    '--type=renderer --lang=ko --device-scale-factor=1 --num-raster-threads=4',
  ],
  [
    'C:\\Program Files\\Backup\\backup-agent.exe',
    'C:\\Windows\\System32\\services.exe',
    '--plan nightly --throttle 20',
  ],
  ['D:\\build\\tools\\node.exe', 'D:\\build\\runner\\Runner.Worker.exe', 'scripts\\bundle.js --target web --minify'],
] as const
const windowsPrograms = windowsProcesses.map(([program]) => program)
const linuxCommands = [
  'ls -la /var/log',
  '/usr/sbin/logrotate /etc/logrotate.conf',
  'python3 /opt/app/manage.py migrate --noinput',
  'git fetch --prune origin',
  '/usr/bin/node server.js --port 8080',
  'grep -r TODO src',
  'tar -czf /backup/home.tgz /home',
]

type Make = (random: () => number, n: number) => EcsEvent

const pick = <T>(random: () => number, list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
const hex = (random: () => number, length: number) =>
  Array.from({ length }, () => Math.floor(random() * 16).toString(16)).join('')
const ip = (random: () => number) =>
  `${pick(random, ['10.1', '192.168', '203.0', '172.20'])}.${Math.floor(random() * 256)}.${Math.floor(random() * 256)}`

const base = (n: number, dataset: string, original: string): EcsEvent => ({
  '@timestamp': new Date(Date.UTC(2026, 0, 15) + n * 1000).toISOString(),
  ecs: { version: '9.0.0' },
  event: { dataset, module: dataset.split('.')[0] as string, kind: 'event', original },
  message: original,
})

const processCreation: Make = (random, n) => {
  const [image, parent, rest] = pick(random, windowsProcesses)
  const line = `"${image}" ${rest} ${hex(random, 6)}`
  const user = pick(random, users)
  const event = base(
    n,
    'windows.sysmon_operational',
    `Process Create: Image: ${image} CommandLine: ${line} User: ${user}`,
  )
  return {
    ...event,
    event: {
      ...(event['event'] as EcsEvent),
      code: '1',
      category: ['process'],
      type: ['start'],
      provider: 'Microsoft-Windows-Sysmon',
    },
    host: { name: pick(random, hosts), os: { type: 'windows' } },
    user: { name: user, domain: 'CORP' },
    process: {
      executable: image,
      name: image.slice(image.lastIndexOf('\\') + 1),
      command_line: line,
      pid: Math.floor(random() * 60000),
      working_directory: 'C:\\Windows\\system32\\',
      hash: { sha256: hex(random, 64), md5: hex(random, 32) },
      pe: {
        original_file_name: image.slice(image.lastIndexOf('\\') + 1),
        company: 'Example Corporation',
        product: 'Example',
      },
      parent: { executable: parent, command_line: `"${parent}"`, pid: Math.floor(random() * 60000) },
    },
    winlog: {
      channel: 'Microsoft-Windows-Sysmon/Operational',
      event_id: '1',
      provider_name: 'Microsoft-Windows-Sysmon',
      computer_name: `${pick(random, hosts)}.corp.example`,
      event_data: { IntegrityLevel: pick(random, ['Medium', 'High', 'System']), LogonId: `0x${hex(random, 5)}` },
    },
  }
}

const registrySet: Make = (random, n) => {
  const key = `HKU\\S-1-5-21-${Math.floor(random() * 1e9)}\\Software\\Vendor\\${hex(random, 5)}\\LastUsed`
  const event = base(n, 'windows.sysmon_operational', `Registry value set: ${key}`)
  return {
    ...event,
    event: { ...(event['event'] as EcsEvent), code: '13', category: ['configuration', 'registry'], type: ['change'] },
    host: { name: pick(random, hosts), os: { type: 'windows' } },
    process: { executable: pick(random, windowsPrograms) },
    registry: { path: key, data: { strings: [`DWORD (0x${hex(random, 8)})`] } },
    winlog: {
      channel: 'Microsoft-Windows-Sysmon/Operational',
      event_id: '13',
      event_data: { EventType: 'SetValue', TargetObject: key, Details: 'DWORD (0x00000001)' },
    },
  }
}

const security: Make = (random, n) => {
  const id = pick(random, [4624, 4634, 4672, 4688, 5156, 4776])
  const user = pick(random, users)
  const event = base(n, 'windows.security', `An account event ${id} for ${user}`)
  return {
    ...event,
    event: { ...(event['event'] as EcsEvent), code: String(id), category: ['authentication'] },
    host: { name: pick(random, hosts), os: { type: 'windows' } },
    user: { name: user },
    source: { ip: ip(random) },
    winlog: {
      channel: 'Security',
      event_id: String(id),
      provider_name: 'Microsoft-Windows-Security-Auditing',
      computer_name: pick(random, hosts),
      event_data: {
        TargetUserName: user,
        SubjectUserName: `${pick(random, hosts)}$`,
        LogonType: String(Math.floor(random() * 10)),
        IpAddress: ip(random),
        WorkstationName: pick(random, hosts),
        NewProcessName: pick(random, windowsPrograms),
      },
    },
  }
}

const linuxProcess: Make = (random, n) => {
  const line = `${pick(random, linuxCommands)} ${hex(random, 4)}`
  const event = base(n, 'auditd.log', `type=EXECVE msg=audit(${n}): ${line}`)
  return {
    ...event,
    event: { ...(event['event'] as EcsEvent), category: ['process'], type: ['start'] },
    host: { name: pick(random, hosts), os: { type: 'linux' } },
    user: { name: pick(random, users), id: '1000' },
    process: {
      executable: `/usr/bin/${line.split(' ')[0]}`,
      command_line: line,
      args: line.split(' '),
      parent: { executable: '/bin/bash' },
    },
    auditd: { log: { record_type: 'EXECVE', a0: line.split(' ')[0] as string, a1: line.split(' ')[1] ?? '' } },
  }
}

const sshd: Make = (random, n) => {
  const user = pick(random, users)
  const from = ip(random)
  const event = base(
    n,
    'linux.sshd',
    `Accepted publickey for ${user} from ${from} port ${Math.floor(random() * 60000)} ssh2`,
  )
  return {
    ...event,
    event: { ...(event['event'] as EcsEvent), category: ['authentication'], outcome: 'success' },
    host: { name: pick(random, hosts), os: { type: 'linux' } },
    process: { name: 'sshd', pid: Math.floor(random() * 60000) },
    user: { name: user },
    source: { ip: from },
  }
}

const webAccess: Make = (random, n) => {
  const path = `/${pick(random, ['shop', 'api/v2/items', 'static/app.js', 'login', '상품'])}/${hex(random, 4)}`
  const event = base(n, 'nginx.access', `${ip(random)} - - "GET ${path} HTTP/1.1" 200 512`)
  return {
    ...event,
    event: { ...(event['event'] as EcsEvent), category: ['web'], outcome: 'success' },
    source: { ip: ip(random) },
    url: { original: path, path, query: `q=${hex(random, 8)}&page=${Math.floor(random() * 9)}` },
    http: {
      request: { method: 'GET', referrer: 'https://shop.example/' },
      response: { status_code: pick(random, [200, 200, 304, 404]) },
    },
    user_agent: { original: 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36' },
  }
}

const kubernetesAudit: Make = (random, n) => {
  const verb = pick(random, ['get', 'list', 'watch', 'patch', 'create'])
  const resource = pick(random, ['pods', 'configmaps', 'leases', 'deployments'])
  const event = base(n, 'kubernetes.audit', `${verb} ${resource}`)
  return {
    ...event,
    user: { name: 'system:serviceaccount:kube-system:controller' },
    kubernetes: {
      audit: {
        verb,
        auditID: hex(random, 32),
        requestURI: `/api/v1/namespaces/shop/${resource}`,
        user: { username: 'system:serviceaccount:kube-system:controller', groups: ['system:serviceaccounts'] },
        objectRef: { resource, namespace: 'shop', name: hex(random, 6), apiVersion: 'v1' },
        responseStatus: { code: 200 },
        sourceIPs: [ip(random)],
      },
    },
  }
}

const cloudTrail: Make = (random, n) => {
  const action = pick(random, ['DescribeInstances', 'GetObject', 'ListBuckets', 'AssumeRole', 'PutMetricData'])
  const event = base(n, 'aws.cloudtrail', action)
  return {
    ...event,
    event: { ...(event['event'] as EcsEvent), action, provider: 'ec2.amazonaws.com', outcome: 'success' },
    source: { ip: ip(random), address: ip(random) },
    user_agent: { original: 'aws-cli/2.15 Python/3.11' },
    cloud: { region: 'ap-northeast-2', account: { id: '000000000000' } },
    aws: {
      cloudtrail: { user_identity: { type: 'IAMUser', arn: `arn:aws:iam::000000000000:user/${pick(random, users)}` } },
    },
  }
}

const kinds: readonly Make[] = [
  ...[processCreation, processCreation, processCreation, registrySet, security, security],
  ...[linuxProcess, sshd, webAccess, kubernetesAudit, cloudTrail],
]

export function sampleEvents(count: number, seed: number): EcsEvent[] {
  const random = randomOf(seed)
  return Array.from({ length: count }, (_, n) => pick(random, kinds)(random, n))
}
