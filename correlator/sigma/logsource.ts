// Which logsource an event is of. First the few facts that tell (channel, event code, dataset, ...), then a table from
// product, category and service to what the facts must be.

import type { EcsEvent, EcsValue } from '../../core/event.ts'
import type { Logsource } from './types.ts'

/** Lower-cased; '' where the event does not say. Lists are joined with spaces, with one before and after. */
export interface Facts {
  readonly channel: string
  readonly code: string
  readonly provider: string
  readonly module: string
  readonly dataset: string
  readonly os: string
  readonly categories: string
  readonly types: string
  /** The program that wrote it: sshd, sudo, CRON. */
  readonly program: string
  /** What a plain vendor event looks like: cloudtrail, kubernetes, okta, github, ... */
  readonly shape: string
  readonly dns: boolean
}

export function factsOf(event: EcsEvent): Facts {
  const ev = child(event, 'event')
  const winlog = child(event, 'winlog')
  const host = child(child(event, 'host'), 'os')
  const channel = text(winlog, 'channel') || text(event, 'Channel')
  return {
    channel,
    code: channel ? text(winlog, 'event_id') || text(ev, 'code') || text(event, 'EventID') : '',
    provider: text(winlog, 'provider_name') || text(event, 'Provider_Name') || text(ev, 'provider'),
    module: text(ev, 'module'),
    dataset: text(ev, 'dataset'),
    os: text(host, 'type') || text(host, 'family') || text(host, 'platform'),
    categories: list(ev, 'category'),
    types: list(ev, 'type'),
    program:
      text(child(event, 'process'), 'name') ||
      text(child(child(event, 'log'), 'syslog'), 'appname') ||
      text(event, 'program'),
    shape: shapeOf(event),
    dns: has(child(event, 'dns'), 'question'),
  }
}

type Node = { readonly [key: string]: EcsValue } | undefined

function child(node: Node, key: string): Node {
  const value = node?.[key] // none of the names asked for is one that every object knows something by
  return value !== null && typeof value === 'object' && !Array.isArray(value) ? value : undefined
}

function text(node: Node, key: string): string {
  let value = node?.[key]
  if (Array.isArray(value)) value = value[0]
  if (typeof value === 'number') return String(value)
  return typeof value === 'string' && value.length <= 200 ? value.toLowerCase() : ''
}

function list(node: Node, key: string): string {
  const value = node?.[key]
  if (typeof value === 'string') return ` ${value.toLowerCase()} `
  if (!Array.isArray(value) || value.length === 0) return ''
  return ` ${value
    .slice(0, 8)
    .filter((one) => typeof one === 'string')
    .join(' ')
    .toLowerCase()} `
}

const has = (node: Node, key: string): boolean => node?.[key] !== undefined

/** Logs of one cloud come under one dataset; which log it is, is told by where the vendor's object stands. */
const logsOfClouds = {
  azure: ['signinlogs', 'auditlogs', 'activitylogs', 'identity_protection', 'graphactivitylogs', 'platformlogs'],
  gcp: ['audit'],
} as const

/** Vendor events that came as they are, without `event.dataset`: told by keys only that vendor writes together. */
function shapeOf(event: EcsEvent): string {
  for (const cloud of ['azure', 'gcp'] as const) {
    const node = child(event, cloud)
    if (node !== undefined) for (const log of logsOfClouds[cloud]) if (has(node, log)) return `${cloud}.${log}`
  }
  if (has(event, 'eventSource') && has(event, 'eventName') && (has(event, 'awsRegion') || has(event, 'userIdentity')))
    return 'cloudtrail'
  if (has(event, 'auditID') && has(event, 'verb')) return 'kubernetes'
  if (has(event, 'eventType') && has(event, 'actor') && has(event, 'published')) return 'okta'
  if (has(event, 'protoPayload') && has(event, 'logName')) return 'gcp'
  if (has(event, 'Workload') && has(event, 'Operation')) return 'm365'
  if (has(event, 'auditType') && has(event, 'author')) return 'bitbucket'
  if (has(event, 'action') && has(event, 'actor') && (has(event, 'org') || has(event, '_document_id'))) return 'github'
  return ''
}

/** Programs, codes and providers that some check asks for; of all others it is enough to know that they are others. */
const wordsAsked = { programs: new Set<string>(), codes: new Set<string>(), providers: new Set<string>() }

/** A test of facts. Everything the engine knows about a logsource is made of these. */
type Check = (facts: Facts) => boolean

const proxyModules: ReadonlySet<string> = new Set(
  'squid zscaler zscaler_zia bluecoat symantec_proxysg netskope cisco_umbrella forcepoint_web'.split(' '),
)
const sysmon = 'microsoft-windows-sysmon/operational'
const linuxSysmon = 'linux-sysmon/operational'

const channelIs =
  (...names: string[]): Check =>
  (facts) =>
    names.includes(facts.channel)
const codes = (channel: string, ...ids: number[]): Check => {
  const texts = ids.map(String)
  for (const text of texts) wordsAsked.codes.add(text)
  return (facts) => facts.channel === channel && texts.includes(facts.code)
}
const ecs =
  (category: string, ...types: string[]): Check =>
  (facts) =>
    facts.categories.includes(` ${category} `) &&
    (types.length === 0 || types.some((type) => facts.types.includes(` ${type} `)))
const from =
  (...names: string[]): Check =>
  (facts) =>
    names.some((name) => facts.module === name || facts.dataset === name || facts.dataset.startsWith(`${name}.`))
const looksLike =
  (shape: string): Check =>
  (facts) =>
    facts.shape === shape
const writtenBy = (...names: string[]): Check => {
  for (const name of names) wordsAsked.programs.add(name)
  return (facts) => names.includes(facts.program)
}
const providerIs = (name: string): Check => {
  wordsAsked.providers.add(name)
  return (facts) => facts.provider === name
}
/** Web proxies: what they write is web traffic too, but not of a web server. */
const isProxy: Check = (facts) =>
  proxyModules.has(facts.module) || proxyModules.has(facts.dataset.split('.')[0] ?? '') || /\bproxy/.test(facts.dataset)
const any =
  (...checks: Check[]): Check =>
  (facts) =>
    checks.some((check) => check(facts))
const all =
  (...checks: Check[]): Check =>
  (facts) =>
    checks.every((check) => check(facts))
/** Outside Windows channels: an ECS event that no Windows log wrote, or one of the endpoint agents. */
const noChannel: Check = (facts) => facts.channel === ''

const products: Record<string, Check> = {
  windows: any(
    (facts) => facts.channel !== '' && facts.channel !== linuxSysmon,
    (facts) => facts.os === 'windows',
    from('windows', 'sysmon', 'powershell', 'wineventlog', 'winlog', 'microsoft_defender'),
  ),
  linux: any(
    channelIs(linuxSysmon),
    (facts) => ['linux', 'debian', 'redhat', 'ubuntu', 'suse', 'centos'].includes(facts.os),
    from(
      'linux',
      'auditd',
      'auditd_manager',
      'system',
      'sshd',
      'sudo',
      'cron',
      'iptables',
      'journald',
      'vsftpd',
      'clamav',
    ),
  ),
  macos: any((facts) => facts.os === 'macos' || facts.os === 'darwin', from('macos', 'unifiedlogs', 'santa')),
  aws: any(from('aws'), looksLike('cloudtrail')),
  azure: from('azure', 'entra'),
  gcp: any(from('gcp', 'google_workspace'), looksLike('gcp')),
  kubernetes: any(from('kubernetes', 'k8s'), looksLike('kubernetes')),
  okta: any(from('okta'), looksLike('okta')),
  github: any(from('github'), looksLike('github')),
  bitbucket: any(from('bitbucket', 'atlassian_bitbucket'), looksLike('bitbucket')),
  m365: any(from('o365', 'm365', 'microsoft365', 'm365_defender'), looksLike('m365')),
  cisco: (facts) => /^cisco/.test(facts.module || facts.dataset),
  fortigate: from('fortinet', 'fortinet_fortigate', 'fortigate'),
  fortios: from('fortinet', 'fortinet_fortigate', 'fortigate', 'fortios'),
  paloalto: from('paloalto', 'panw', 'panos'),
}

/** `product/service` or `/service`. */
const services: Record<string, Check> = {
  'windows/application': channelIs('application'),
  'windows/security': channelIs('security'),
  'windows/system': channelIs('system'),
  'windows/sysmon': channelIs(sysmon),
  'windows/powershell': channelIs('microsoft-windows-powershell/operational', 'powershellcore/operational'),
  'windows/powershell-classic': channelIs('windows powershell'),
  'windows/application-experience': (facts) => facts.channel.startsWith('microsoft-windows-application-experience/'),
  'windows/applocker': (facts) => facts.channel.startsWith('microsoft-windows-applocker/'),
  'windows/appmodel-runtime': channelIs('microsoft-windows-appmodel-runtime/admin'),
  'windows/appxdeployment-server': channelIs('microsoft-windows-appxdeploymentserver/operational'),
  'windows/appxpackaging-om': channelIs('microsoft-windows-appxpackaging/operational'),
  'windows/bitlocker': channelIs('microsoft-windows-bitlocker/bitlocker management'),
  'windows/bits-client': channelIs('microsoft-windows-bits-client/operational'),
  'windows/capi2': channelIs('microsoft-windows-capi2/operational'),
  'windows/certificateservicesclient-lifecycle-system': channelIs(
    'microsoft-windows-certificateservicesclient-lifecycle-system/operational',
  ),
  'windows/codeintegrity-operational': channelIs('microsoft-windows-codeintegrity/operational'),
  'windows/dhcp': channelIs('microsoft-windows-dhcp-server/operational'),
  'windows/diagnosis-scripted': channelIs('microsoft-windows-diagnosis-scripted/operational'),
  'windows/dns-client': channelIs(
    'microsoft-windows-dns client events/operational',
    'microsoft-windows-dns-client/operational',
  ),
  'windows/dns-server': channelIs('dns server'),
  'windows/dns-server-analytic': channelIs(
    'microsoft-windows-dns-server/analytical',
    'microsoft-windows-dnsserver/analytical',
  ),
  'windows/dns-server-audit': channelIs('microsoft-windows-dns-server/audit', 'microsoft-windows-dnsserver/audit'),
  'windows/driver-framework': channelIs('microsoft-windows-driverframeworks-usermode/operational'),
  'windows/firewall-as': (facts) =>
    facts.channel.startsWith('microsoft-windows-windows firewall with advanced security/firewall'),
  'windows/hyper-v-worker': (facts) => facts.channel.startsWith('microsoft-windows-hyper-v-worker'),
  'windows/iis-configuration': channelIs('microsoft-iis-configuration/operational'),
  'windows/kernel-event-tracing': (facts) => facts.channel.startsWith('microsoft-windows-kernel-eventtracing'),
  'windows/kernel-shimengine': (facts) => facts.channel.includes('microsoft-windows-kernel-shimengine/'),
  'windows/ldap': channelIs('microsoft-windows-ldap-client/debug'),
  'windows/lsa-server': channelIs('microsoft-windows-lsa/operational'),
  'windows/microsoft-servicebus-client': (facts) => facts.channel.startsWith('microsoft-servicebus-client/'),
  'windows/servicebus-client': (facts) => facts.channel.startsWith('microsoft-servicebus-client/'),
  'windows/msexchange-management': channelIs('msexchange management'),
  'windows/ntfs': channelIs('microsoft-windows-ntfs/operational'),
  'windows/ntlm': channelIs('microsoft-windows-ntlm/operational'),
  'windows/openssh': channelIs('openssh/operational'),
  'windows/printservice-admin': channelIs('microsoft-windows-printservice/admin'),
  'windows/printservice-operational': channelIs('microsoft-windows-printservice/operational'),
  'windows/security-mitigations': (facts) => facts.channel.startsWith('microsoft-windows-security-mitigations/'),
  'windows/sense': channelIs('microsoft-windows-sense/operational'),
  'windows/shell-core': channelIs('microsoft-windows-shell-core/operational'),
  'windows/smbclient-security': channelIs('microsoft-windows-smbclient/security'),
  'windows/smbclient-connectivity': channelIs('microsoft-windows-smbclient/connectivity'),
  'windows/smbserver-connectivity': channelIs('microsoft-windows-smbserver/connectivity'),
  'windows/taskscheduler': channelIs('microsoft-windows-taskscheduler/operational'),
  'windows/terminalservices-localsessionmanager': channelIs(
    'microsoft-windows-terminalservices-localsessionmanager/operational',
  ),
  'windows/vhdmp': channelIs('microsoft-windows-vhdmp/operational'),
  'windows/windefend': channelIs('microsoft-windows-windows defender/operational'),
  'windows/wmi': channelIs('microsoft-windows-wmi-activity/operational'),
  'windows/iis': any(from('iis'), channelIs('microsoft-iis-logging/logs')),
  'linux/auditd': any(
    from('auditd', 'auditd_manager', 'auditbeat', 'linux.auditd', 'linux.audit'),
    writtenBy('audispd', 'auditd'),
  ),
  'linux/auth': any(
    from('system.auth', 'linux.auth', 'auth'),
    ecs('authentication'),
    from('sshd', 'sudo', 'su', 'pam'),
  ),
  'linux/cron': any(from('cron', 'linux.cron', 'system.cron'), writtenBy('cron', 'crond', 'anacron')),
  'linux/sshd': any(from('sshd', 'openssh', 'linux.sshd'), writtenBy('sshd', 'sshd-session')),
  'linux/sudo': any(from('sudo', 'linux.sudo'), writtenBy('sudo')),
  'linux/clamav': any(from('clamav'), writtenBy('clamd', 'clamscan', 'freshclam')),
  'linux/vsftpd': any(from('vsftpd'), writtenBy('vsftpd')),
  'linux/guacamole': any(from('guacamole'), writtenBy('guacd', 'guacamole')),
  'linux/syslog': any(from('system.syslog', 'syslog', 'linux.syslog', 'system'), (facts) =>
    facts.dataset.startsWith('linux.'),
  ),
  'aws/cloudtrail': any(from('aws.cloudtrail', 'cloudtrail'), looksLike('cloudtrail')),
  'azure/activitylogs': any(from('azure.activitylogs'), looksLike('azure.activitylogs')),
  'azure/auditlogs': any(from('azure.auditlogs', 'entra.auditlogs', 'entra.audit'), looksLike('azure.auditlogs')),
  'azure/signinlogs': any(from('azure.signinlogs', 'entra.signinlogs', 'entra.signin'), looksLike('azure.signinlogs')),
  'azure/riskdetection': any(
    from('azure.identity_protection', 'azure.riskdetection', 'entra.riskdetection'),
    looksLike('azure.identity_protection'),
  ),
  'azure/pim': any(
    from('azure.pim', 'entra.pim', 'azure.identity_protection'),
    looksLike('azure.identity_protection'),
    looksLike('azure.auditlogs'),
  ),
  'gcp/gcp.audit': any(from('gcp.audit', 'gcp.auditlogs'), looksLike('gcp'), looksLike('gcp.audit')),
  'gcp/google_workspace.admin': any(from('google_workspace.admin', 'gsuite.admin'), looksLike('gcp')),
  'gcp/google_workspace.login': any(from('google_workspace.login', 'gsuite.login'), looksLike('gcp')),
  'kubernetes/audit': any(from('kubernetes.audit', 'kubernetes.audit_logs', 'k8s.audit'), looksLike('kubernetes')),
  'okta/okta': any(from('okta'), looksLike('okta')),
  'github/audit': any(from('github.audit', 'github'), looksLike('github')),
  'bitbucket/audit': any(from('bitbucket', 'atlassian_bitbucket'), looksLike('bitbucket')),
  'm365/audit': any(from('o365', 'm365', 'microsoft365'), looksLike('m365')),
  'm365/exchange': any(from('o365', 'm365', 'microsoft365'), looksLike('m365')),
  'm365/threat_management': any(from('o365', 'm365', 'microsoft365'), looksLike('m365')),
  'm365/threat_detection': any(from('o365', 'm365', 'microsoft365'), looksLike('m365')),
  'cisco/aaa': from('cisco', 'cisco_ios', 'cisco.ios', 'cisco_aaa'),
  'cisco/syslog': from('cisco', 'cisco_ios', 'cisco.ios', 'cisco_asa', 'cisco.asa'),
  'cisco/bgp': from('cisco', 'cisco_ios', 'cisco.ios'),
  'cisco/ldp': from('cisco', 'cisco_ios', 'cisco.ios'),
  'cisco/duo': from('cisco_duo', 'cisco.duo'),
  '/apache': any(from('apache', 'apache_httpd'), writtenBy('apache2', 'httpd')),
  '/nginx': any(from('nginx'), writtenBy('nginx')),
  '/netflow': any(from('netflow', 'ipfix'), (facts) => facts.categories.includes(' network ')),
  '/dns': (facts) => facts.dns,
  '/connection': ecs('network'),
}

/** `product/category` or `/category`. Sysmon's event ids come first: that is how SigmaHQ defines most categories. */
const categories: Record<string, Check> = {
  'windows/process_creation': any(
    codes(sysmon, 1),
    codes('security', 4688),
    all(noChannel, ecs('process', 'start', 'creation')),
  ),
  'windows/file_change': codes(sysmon, 2),
  'windows/network_connection': any(codes(sysmon, 3), all(noChannel, ecs('network', 'start', 'connection'))),
  'windows/sysmon_status': codes(sysmon, 4, 16),
  'windows/process_termination': any(codes(sysmon, 5), codes('security', 4689), all(noChannel, ecs('process', 'end'))),
  'windows/driver_load': any(codes(sysmon, 6), all(noChannel, ecs('driver', 'start'))),
  'windows/image_load': any(codes(sysmon, 7), all(noChannel, ecs('library', 'start'))),
  'windows/create_remote_thread': codes(sysmon, 8),
  'windows/raw_access_thread': codes(sysmon, 9),
  'windows/raw_access_read': codes(sysmon, 9),
  'windows/process_access': any(codes(sysmon, 10), all(noChannel, ecs('process', 'access'))),
  'windows/file_event': any(codes(sysmon, 11), all(noChannel, ecs('file', 'creation', 'change'))),
  'windows/registry_add': any(codes(sysmon, 12), all(noChannel, ecs('registry', 'creation'))),
  'windows/registry_delete': any(codes(sysmon, 12), all(noChannel, ecs('registry', 'deletion'))),
  'windows/registry_set': any(
    codes(sysmon, 13),
    codes('security', 4657),
    all(noChannel, ecs('registry', 'change', 'creation')),
  ),
  'windows/registry_rename': codes(sysmon, 14),
  'windows/registry_event': any(codes(sysmon, 12, 13, 14), codes('security', 4657), all(noChannel, ecs('registry'))),
  'windows/create_stream_hash': codes(sysmon, 15),
  'windows/pipe_created': codes(sysmon, 17, 18),
  'windows/wmi_event': codes(sysmon, 19, 20, 21),
  'windows/dns_query': any(codes(sysmon, 22), (facts) => facts.channel === '' && facts.dns),
  'windows/file_delete': any(codes(sysmon, 23, 26), all(noChannel, ecs('file', 'deletion'))),
  'windows/clipboard_capture': codes(sysmon, 24),
  'windows/process_tampering': codes(sysmon, 25),
  'windows/file_block': codes(sysmon, 27),
  'windows/file_block_executable': codes(sysmon, 27),
  'windows/file_block_shredding': codes(sysmon, 28),
  'windows/file_executable_detected': codes(sysmon, 29),
  'windows/sysmon_error': codes(sysmon, 255),
  'windows/ps_module': any(
    codes('microsoft-windows-powershell/operational', 4103),
    codes('powershellcore/operational', 4103),
  ),
  'windows/ps_script': any(
    codes('microsoft-windows-powershell/operational', 4104),
    codes('powershellcore/operational', 4104),
  ),
  'windows/ps_classic_start': codes('windows powershell', 400),
  'windows/ps_classic_provider_start': codes('windows powershell', 600),
  'windows/ps_classic_script': codes('windows powershell', 800),
  'windows/file_access': any(providerIs('microsoft-windows-kernel-file'), all(noChannel, ecs('file', 'access'))),
  'windows/file_rename': any(providerIs('microsoft-windows-kernel-file'), all(noChannel, ecs('file', 'change'))),
  'linux/process_creation': any(codes(linuxSysmon, 1), all(noChannel, ecs('process', 'start', 'creation'))),
  'linux/network_connection': any(codes(linuxSysmon, 3), all(noChannel, ecs('network', 'start', 'connection'))),
  'linux/process_termination': any(codes(linuxSysmon, 5), all(noChannel, ecs('process', 'end'))),
  'linux/raw_access_read': codes(linuxSysmon, 9),
  'linux/file_event': any(codes(linuxSysmon, 11), all(noChannel, ecs('file', 'creation', 'change'))),
  'linux/file_delete': any(codes(linuxSysmon, 23), all(noChannel, ecs('file', 'deletion'))),
  'linux/sysmon_status': codes(linuxSysmon, 4, 16),
  'macos/process_creation': ecs('process', 'start', 'creation'),
  'macos/file_event': ecs('file', 'creation', 'change'),
  'macos/network_connection': ecs('network', 'start', 'connection'),
  '/process_creation': any(
    codes(sysmon, 1),
    codes('security', 4688),
    codes(linuxSysmon, 1),
    ecs('process', 'start', 'creation'),
  ),
  '/network_connection': any(codes(sysmon, 3), codes(linuxSysmon, 3), ecs('network', 'start', 'connection')),
  '/file_event': any(codes(sysmon, 11), codes(linuxSysmon, 11), ecs('file', 'creation', 'change')),
  '/dns_query': any(codes(sysmon, 22), (facts) => facts.dns),
  '/webserver': any(
    all(ecs('web'), (facts) => !isProxy(facts)),
    from('apache', 'apache_httpd', 'nginx', 'iis', 'haproxy', 'traefik', 'tomcat', 'caddy', 'envoy', 'ingress-nginx'),
  ),
  '/proxy': isProxy,
  '/firewall': any(
    from('iptables', 'nftables', 'ufw', 'pfsense', 'opnsense', 'checkpoint', 'sonicwall', 'sophos', 'mikrotik'),
    from('cisco_asa', 'cisco.asa', 'cisco_ftd', 'cisco.ftd', 'cisco.meraki', 'juniper_srx', 'juniper.srx'),
    from('fortinet', 'fortinet_fortigate', 'fortigate', 'paloalto', 'panw', 'aws.vpcflow', 'secui', 'ahnlab'),
    (facts) => /firewall|\bfw\b/.test(facts.dataset),
  ),
  '/dns': (facts) => facts.dns,
  '/network': any(ecs('network'), (facts) => facts.dns),
  '/antivirus': any(
    ecs('malware'),
    from('clamav', 'microsoft_defender_endpoint', 'm365_defender', 'symantec', 'mcafee', 'sophos', 'trendmicro'),
  ),
  '/database': any(ecs('database'), from('mysql', 'postgresql', 'mssql', 'microsoft_sqlserver', 'oracle', 'mongodb')),
  '/authentication': ecs('authentication'),
}

/** Only the product is asked for, or the category says no more than the product does. */
const impliedCategories = new Set(['application', 'appliance'])

/** Whether events of this logsource can be told at all: by the tables, or by datasets named after it. */
export interface LogsourceMatcher {
  readonly check: Check
  /** 'table': the engine knows the logsource; 'name': only events whose module or dataset is so named are taken for it. */
  readonly known: 'table' | 'name'
}

/** All parts of a logsource must hold. */
export function matchLogsource(logsource: Logsource): LogsourceMatcher {
  const { product, category, service } = logsource
  const checks: Check[] = []
  let known: LogsourceMatcher['known'] = 'table'
  const named = (name: string): Check => {
    known = 'name'
    return namedAfter(name)
  }
  if (product !== undefined) checks.push(products[product] ?? named(product))
  if (category !== undefined && !(product !== undefined && impliedCategories.has(category))) {
    const found = categories[`${product ?? ''}/${category}`] ?? categories[`/${category}`]
    checks.push(found ?? named(category))
  }
  if (service !== undefined) {
    const found = services[`${product ?? ''}/${service}`] ?? services[`/${service}`]
    const single = found ?? (product === undefined ? onlyService(service) : undefined)
    checks.push(single ?? named(service))
  }
  return { check: all(...checks), known }
}

/** A service without its product, as `service: sshd`: the service of any product. */
function onlyService(service: string): Check | undefined {
  const found = Object.keys(services).filter((key) => key.endsWith(`/${service}`))
  return found.length === 0 ? undefined : any(...found.map((key) => services[key] as Check))
}

function namedAfter(name: string): Check {
  const plain = name.replaceAll('-', '_')
  wordsAsked.programs.add(name)
  return (facts) => {
    if (facts.program === name) return true
    const dataset = facts.dataset.replaceAll('-', '_')
    return (
      facts.module.replaceAll('-', '_') === plain ||
      dataset === plain ||
      dataset.startsWith(`${plain}.`) ||
      dataset.endsWith(`.${plain}`) ||
      dataset.includes(`.${plain}.`)
    )
  }
}

/** The facts as one text, for a cache. It must be bounded all the same: events choose modules and datasets. */
export function factsKey(facts: Facts): string {
  const { programs, codes: codeWords, providers } = wordsAsked
  const code = codeWords.has(facts.code) ? facts.code : ''
  const provider = providers.has(facts.provider) ? facts.provider : ''
  const program = programs.has(facts.program) ? facts.program : ''
  return `${facts.channel}\u0000${code}\u0000${provider}\u0000${facts.module}\u0000${facts.dataset}\u0000${facts.os}\u0000${facts.categories}\u0000${facts.types}\u0000${program}\u0000${facts.shape}\u0000${facts.dns}`
}
