// The ECS 9 field list, as much as types need: every field that is not a plain keyword, and the closed sets of values.
// ECS nests the same field sets in many places (`file.pe`, `process.parent.tty`, `threat.indicator.x509`): a set is
// written once under `reused`, with the places it appears at, and expanded at load.

export type FieldType = 'keyword' | 'text' | 'long' | 'float' | 'boolean' | 'date' | 'ip'

type Typed = Readonly<Partial<Record<Exclude<FieldType, 'keyword'>, string>>>

/** Fields as they stand, by type. `wildcard` fields of ECS are keywords here, but for long free text. */
const plain: Typed = {
  text:
    'message event.original error.message error.stack_trace http.request.body.content http.response.body.content ' +
    'process.io.text email.body.content',
  ip: 'dns.resolved_ip host.ip network.forwarded_ip observer.ip orchestrator.resource.ip related.ip process.entry_leader.entry_meta.source.ip',
  long:
    'container.disk.read.bytes container.disk.write.bytes container.network.egress.bytes container.network.ingress.bytes ' +
    'dns.answers.ttl event.duration event.sequence event.severity host.disk.read.bytes host.disk.write.bytes ' +
    'host.network.egress.bytes host.network.egress.packets host.network.ingress.bytes host.network.ingress.packets host.uptime ' +
    'http.request.body.bytes http.request.bytes http.response.body.bytes http.response.bytes http.response.status_code ' +
    'log.origin.file.line log.syslog.facility.code log.syslog.priority log.syslog.severity.code network.bytes network.packets ' +
    'package.size process.io.bytes_skipped.length process.io.bytes_skipped.offset process.io.total_bytes_captured ' +
    'process.io.total_bytes_skipped process.previous.args_count url.port email.attachments.file.size ' +
    'threat.enrichments.indicator.port threat.indicator.port threat.indicator.scanner_stats threat.indicator.sightings ' +
    'threat.enrichments.indicator.scanner_stats threat.enrichments.indicator.sightings threat.enrichments.indicator.url.port ' +
    'threat.indicator.url.port volume.size gen_ai.request.max_tokens gen_ai.request.seed gen_ai.usage.input_tokens ' +
    'gen_ai.usage.output_tokens process.entry_leader.parent.session_leader.pid process.session_leader.parent.session_leader.pid ' +
    'process.entry_leader.parent.session_leader.vpid process.session_leader.parent.session_leader.vpid',
  float:
    'event.risk_score event.risk_score_norm container.cpu.usage container.memory.usage host.cpu.usage ' +
    'vulnerability.score.base vulnerability.score.environmental vulnerability.score.temporal',
  boolean:
    'container.security_context.privileged faas.coldstart process.io.max_bytes_per_process_exceeded tls.established tls.resumed ' +
    'volume.removable volume.writable',
  date:
    // haetae.claimed_timestamp is ours: the time of a sender whose clock is not believed
    '@timestamp haetae.claimed_timestamp event.created event.end event.ingested event.start email.delivery_timestamp email.origination_timestamp ' +
    'package.installed threat.enrichments.indicator.first_seen threat.enrichments.indicator.last_seen ' +
    'threat.enrichments.indicator.modified_at threat.enrichments.matched.occurred threat.indicator.first_seen ' +
    'threat.indicator.last_seen threat.indicator.modified_at tls.client.not_after tls.client.not_before tls.server.not_after ' +
    'tls.server.not_before process.entry_leader.parent.session_leader.start process.session_leader.parent.session_leader.start',
}

const PROCESSES =
  'process process.parent process.parent.group_leader process.group_leader process.session_leader process.entry_leader ' +
  'process.session_leader.parent process.entry_leader.parent process.responsible process.attested_groups'
const FILES = 'file threat.indicator.file threat.enrichments.indicator.file'
const BINARIES = `${FILES} dll process process.parent`
const under = (places: string, name: string) => `${name} ${places.replaceAll(/(\S+)/g, `$1.${name}`)}`

/** A field set used in several places. */
const reused: readonly { readonly at: string; readonly fields: Typed }[] = [
  {
    at: 'source destination client server',
    fields: { ip: 'ip nat.ip', long: 'port nat.port bytes packets as.number' },
  },
  { at: 'as threat.indicator.as threat.enrichments.indicator.as', fields: { long: 'number' } },
  { at: 'threat.indicator threat.enrichments.indicator', fields: { ip: 'ip' } },
  {
    at: PROCESSES,
    fields: {
      long:
        'pid vpid pgid exit_code uptime args_count thread.id tty.char_device.major tty.char_device.minor tty.columns tty.rows ' +
        'supplemental_groups.gid',
      boolean: 'interactive same_as_process',
      date: 'start end',
    },
  },
  { at: FILES, fields: { long: 'size', date: 'accessed created ctime mtime' } },
  {
    at: under(BINARIES, 'code_signature'),
    fields: { boolean: 'exists trusted valid', date: 'timestamp' },
  },
  {
    at: `${under(BINARIES, 'elf')} ${under(BINARIES, 'pe')} ${under(BINARIES, 'macho')}`,
    fields: {
      long:
        'go_imports_names_entropy go_imports_names_var_entropy header.entrypoint imports_names_entropy imports_names_var_entropy ' +
        'sections.chi2 sections.entropy sections.physical_size sections.var_entropy sections.virtual_address sections.virtual_size',
      boolean: 'go_stripped',
      date: 'creation_date',
    },
  },
  {
    at: `${under(`${FILES} tls.client tls.server threat.indicator threat.enrichments.indicator`, 'x509')}`,
    fields: { long: 'public_key_exponent public_key_size', date: 'not_after not_before' },
  },
  {
    at: 'risk host.risk user.risk',
    fields: { float: 'calculated_score calculated_score_norm static_score static_score_norm' },
  },
]

const words = (text: string) => text.split(/\s+/).filter(Boolean)

function* typed(): Generator<readonly [string, FieldType]> {
  for (const [type, names] of Object.entries(plain))
    for (const name of words(names)) yield [name, type as FieldType] as const
  for (const { at, fields } of reused)
    for (const place of words(at))
      for (const [type, names] of Object.entries(fields))
        for (const name of words(names)) yield [`${place}.${name}`, type as FieldType] as const
}

/** Dotted ECS name -> type, for every ECS field that is not a keyword. */
export const ecsFieldTypes: ReadonlyMap<string, FieldType> = new Map(typed())

/** Every first part of an ECS name: `source`, `event`, ... A first part outside it is a vendor's namespace. */
export const ecsFieldSets: ReadonlySet<string> = new Set(
  words(
    '@timestamp message labels tags agent as client cloud code_signature container data_stream destination device dll dns ecs ' +
      'elf email entity error event faas file gen_ai geo group hash host http interface log macho network observer orchestrator ' +
      'organization os package pe process registry related risk rule server service source span threat tls trace transaction ' +
      'url user user_agent vlan volume vulnerability x509',
  ),
)

/** ECS fields that are always arrays, even with one value. */
export const ecsArrayFields: ReadonlySet<string> = new Set(
  words(
    'event.category event.type tags related.ip related.user related.hosts related.hash host.ip host.mac observer.ip observer.mac ' +
      'process.args process.parent.args process.env_vars process.thread.capabilities.effective user.roles container.image.tag ' +
      'container.image.hash.all dns.answers dns.header_flags dns.resolved_ip file.attributes rule.author email.to.address ' +
      'email.cc.address email.bcc.address email.from.address email.reply_to.address email.attachments registry.data.strings ' +
      'threat.tactic.id threat.tactic.name threat.tactic.reference threat.technique.id threat.technique.name ' +
      'threat.technique.reference threat.technique.subtechnique.id threat.technique.subtechnique.name ' +
      'tls.client.certificate_chain tls.client.supported_ciphers tls.server.certificate_chain orchestrator.resource.annotation ' +
      'orchestrator.resource.label orchestrator.resource.ip service.node.roles vulnerability.category log.flags',
  ),
)

/** The values ECS allows, for the four fields that have a closed set. */
export const ecsAllowedValues: Readonly<Record<string, ReadonlySet<string>>> = {
  'event.kind': new Set(words('alert asset enrichment event metric state pipeline_error signal')),
  'event.category': new Set(
    words(
      'api authentication configuration database driver email file host iam intrusion_detection library malware network package ' +
        'process registry session threat vulnerability web',
    ),
  ),
  'event.type': new Set(
    words(
      'access admin allowed change connection creation deletion denied device end error group indicator info installation ' +
        'protocol start user',
    ),
  ),
  'event.outcome': new Set(words('failure success unknown')),
}
