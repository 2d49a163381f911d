// ECS fields that are plain keywords and common enough to have a column of their own in Elasticsearch. What is not named
// here or in core/ecs-fields.ts lives in `flattened` columns: found, counted and shown the same, only not by its own name.

const names = {
  agent: 'id name type version ephemeral_id',
  client: 'address domain user.name user.id',
  cloud:
    'account.id account.name availability_zone instance.id instance.name machine.type project.id provider region service.name',
  container: 'id image.name image.tag name runtime',
  data_stream: 'dataset namespace type',
  destination: 'address domain user.name user.id geo.country_iso_code geo.city_name as.organization.name',
  dns: 'question.name question.type question.registered_domain response_code type id',
  ecs: 'version',
  error: 'code id type',
  event:
    'action agent_id_status category code dataset hash id kind module outcome provider reason reference timezone type url',
  file: 'directory extension group hash.md5 hash.sha1 hash.sha256 name owner path target_path type uid mode',
  group: 'domain id name',
  haetae: 'source unparsed pack',
  host: 'architecture domain hostname id mac name os.family os.full os.kernel os.name os.platform os.type os.version type',
  http: 'request.id request.method request.mime_type request.referrer response.mime_type version',
  kubernetes: 'namespace pod.name pod.uid container.name node.name cluster.name',
  labels: '',
  log: 'file.path level logger origin.file.name origin.function syslog.appname syslog.facility.name syslog.hostname syslog.msgid syslog.procid syslog.severity.name syslog.version',
  network: 'application community_id direction iana_number name protocol transport type vlan.id',
  observer:
    'hostname name product serial_number type vendor version ingress.interface.name egress.interface.name ingress.zone egress.zone',
  orchestrator:
    'api_version cluster.id cluster.name cluster.version namespace organization resource.id resource.name resource.type type',
  organization: 'id name',
  package: 'name type version',
  process:
    'args command_line entity_id executable hash.md5 hash.sha256 name parent.args parent.command_line parent.entity_id parent.executable parent.name title working_directory',
  registry: 'data.strings hive key path value',
  related: 'hash hosts user',
  rule: 'category description id name reference ruleset uuid version',
  server: 'address domain user.name user.id',
  service: 'id name type version state node.name',
  source: 'address domain user.name user.id geo.country_iso_code geo.city_name as.organization.name',
  threat: 'framework tactic.id tactic.name technique.id technique.name technique.subtechnique.id',
  tls: 'cipher client.issuer client.ja3 client.subject curve next_protocol server.issuer server.ja3s server.subject version version_protocol',
  trace: 'id',
  transaction: 'id',
  url: 'domain extension fragment full original password path query registered_domain scheme top_level_domain username',
  user: 'domain email full_name hash id name roles effective.id effective.name target.id target.name target.domain',
  user_agent: 'device.name name original version os.name os.version',
  vulnerability: 'id severity category',
} as const

export const ecsKeywords: ReadonlySet<string> = new Set([
  'tags',
  ...Object.entries(names).flatMap(([set, fields]) =>
    fields
      .split(' ')
      .filter(Boolean)
      .map((field) => `${set}.${field}`),
  ),
])
