import { expect, test } from 'vitest'
import { factsOf, matchLogsource } from './logsource.ts'
import type { Logsource } from './types.ts'

const sysmon = (id: number) => ({ winlog: { channel: 'Microsoft-Windows-Sysmon/Operational', event_id: id } })

test.each<[string, Logsource, object, boolean]>([
  ['Sysmon by number', { product: 'windows', category: 'registry_set' }, sysmon(13), true],
  ['another number', { product: 'windows', category: 'registry_set' }, sysmon(12), false],
  [
    'the code as ECS text',
    { product: 'windows', category: 'file_event' },
    { winlog: { channel: 'Microsoft-Windows-Sysmon/Operational' }, event: { code: '11' } },
    true,
  ],
  ['a plain evtx record', { product: 'windows', service: 'security' }, { Channel: 'Security', EventID: 4624 }, true],
  ['another channel', { product: 'windows', service: 'security' }, { Channel: 'System', EventID: 4624 }, false],
  [
    'the Sysmon number in another channel',
    { product: 'windows', category: 'process_creation' },
    { Channel: 'Application', EventID: 1 },
    false,
  ],
  [
    'Sysmon for Linux is not Windows',
    { product: 'windows', category: 'process_creation' },
    { Channel: 'Linux-Sysmon/Operational', EventID: 1 },
    false,
  ],
  [
    'Sysmon for Linux',
    { product: 'linux', category: 'process_creation' },
    { Channel: 'Linux-Sysmon/Operational', EventID: 1 },
    true,
  ],
  [
    'an ECS process event on Windows',
    { product: 'windows', category: 'process_creation' },
    { event: { category: ['process'], type: ['start'] }, host: { os: { type: 'windows' } } },
    true,
  ],
  [
    'the same on Linux is not Windows',
    { product: 'windows', category: 'process_creation' },
    { event: { category: ['process'], type: ['start'] }, host: { os: { type: 'linux' } } },
    false,
  ],
  [
    'the end of a process is not its start',
    { product: 'linux', category: 'process_creation' },
    { event: { category: ['process'], type: ['end'] }, host: { os: { type: 'linux' } } },
    false,
  ],
  [
    'sshd by its program',
    { product: 'linux', service: 'sshd' },
    { host: { os: { type: 'linux' } }, process: { name: 'sshd' } },
    true,
  ],
  ['sshd by its dataset', { product: 'linux', service: 'sshd' }, { event: { dataset: 'linux.sshd' } }, true],
  ['sshd is not cron', { product: 'linux', service: 'cron' }, { event: { dataset: 'linux.sshd' } }, false],
  ['auditd', { product: 'linux', service: 'auditd' }, { event: { dataset: 'auditd.log', module: 'auditd' } }, true],
  ['Kubernetes audit', { product: 'kubernetes', service: 'audit' }, { event: { dataset: 'kubernetes.audit' } }, true],
  [
    'Kubernetes audit with a category that says no more',
    { product: 'kubernetes', category: 'application', service: 'audit' },
    { event: { dataset: 'kubernetes.audit' } },
    true,
  ],
  ['a plain audit event', { product: 'kubernetes', service: 'audit' }, { auditID: 'x', verb: 'get' }, true],
  [
    'container logs are no audit',
    { product: 'kubernetes', service: 'audit' },
    { event: { dataset: 'kubernetes.container_logs' } },
    false,
  ],
  ['CloudTrail', { product: 'aws', service: 'cloudtrail' }, { event: { dataset: 'aws.cloudtrail' } }, true],
  [
    'a plain CloudTrail record',
    { product: 'aws', service: 'cloudtrail' },
    { eventSource: 's3', eventName: 'x', awsRegion: 'y' },
    true,
  ],
  [
    'flow logs are no CloudTrail',
    { product: 'aws', service: 'cloudtrail' },
    { event: { dataset: 'aws.vpcflow' } },
    false,
  ],
  ['a web server', { category: 'webserver' }, { event: { dataset: 'nginx.access' } }, true],
  ['a proxy is no web server', { category: 'webserver' }, { event: { dataset: 'squid.access' } }, false],
  [
    'a proxy that writes web events is none either',
    { category: 'webserver' },
    { event: { dataset: 'zscaler.zia', category: ['web'] } },
    false,
  ],
  ['a firewall', { category: 'firewall' }, { event: { dataset: 'cisco.asa', module: 'cisco' } }, true],
  [
    'a switch of the same vendor is none',
    { category: 'firewall' },
    { event: { dataset: 'cisco.ios', module: 'cisco' } },
    false,
  ],
  ['a proxy', { category: 'proxy' }, { event: { dataset: 'squid.access' } }, true],
  ['dns by its question', { category: 'dns' }, { dns: { question: { name: 'x' } } }, true],
  [
    'an unknown product by its dataset',
    { product: 'vault', service: 'audit' },
    { event: { dataset: 'vault.audit', module: 'vault' } },
    true,
  ],
  [
    'an unknown product of another dataset',
    { product: 'vault', service: 'audit' },
    { event: { dataset: 'vault.server', module: 'vault' } },
    false,
  ],
  ['an event that says nothing', { product: 'windows' }, { message: 'windows' }, false],
  ['prototype names say nothing', { product: 'windows' }, JSON.parse('{"__proto__":{"Channel":"Security"}}'), false],
])('%s', (_why, logsource, event, expected) => {
  expect(matchLogsource(logsource).check(factsOf(event as never))).toBe(expected)
})

test('what is not in the tables is said', () => {
  expect(matchLogsource({ product: 'windows', service: 'security' }).known).toBe('table')
  expect(matchLogsource({ product: 'vault' }).known).toBe('name')
  expect(matchLogsource({ product: 'linux', service: 'unheard-of' }).known).toBe('name')
})
