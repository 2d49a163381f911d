// ECS fields that are single keywords and that senders are known to fill with objects or numbers of their own. Fields of
// other types are in core/ecs-fields.ts; a keyword that is not listed here keeps what it was given.

const under = (places: string, names: string): string[] =>
  places.split(' ').flatMap((place) => names.split(' ').map((name) => (place === '' ? name : `${place}.${name}`)))

const ENDS = 'source destination client server'
const USERS = `user user.effective user.target user.changes ${under(ENDS, 'user').join(' ')}`

/** Dotted names. */
export const keywordLeaves: readonly string[] = [
  ...under('', 'message'),
  ...under('agent', 'build.original ephemeral_id id name type version'),
  ...under('cloud', 'account.id account.name availability_zone instance.id instance.name machine.type provider region'),
  ...under('container', 'id name runtime image.name image.tag'),
  ...under('data_stream', 'dataset namespace type'),
  ...under('device', 'id manufacturer model.identifier model.name serial_number'),
  ...under(
    'dns',
    'id op_code response_code type question.class question.name question.registered_domain question.type',
  ),
  ...under('ecs', 'version'),
  ...under('error', 'code id message type stack_trace'),
  ...under(
    'event',
    'action agent_id_status category code dataset hash id kind module original outcome provider reason',
  ),
  ...under('event', 'reference timezone type url'),
  ...under(
    'file',
    'directory drive_letter extension gid group inode mime_type mode name owner path target_path type uid',
  ),
  ...under('file process process.parent dll', 'hash.md5 hash.sha1 hash.sha256 hash.sha512 pe.original_file_name'),
  ...under('group', 'domain id name'),
  ...under(
    'host',
    'architecture domain hostname id mac name type os.family os.full os.kernel os.name os.platform os.type',
  ),
  ...under('host', 'os.version'),
  ...under('http', 'version request.id request.method request.mime_type request.referrer response.mime_type'),
  ...under('log', 'level logger file.path iostream origin.function origin.file.name syslog.appname syslog.hostname'),
  ...under('log', 'syslog.msgid syslog.procid syslog.version syslog.facility.name syslog.severity.name'),
  ...under('network', 'application community_id direction iana_number name protocol transport type vlan.id vlan.name'),
  ...under('observer', 'hostname mac name product serial_number type vendor version'),
  ...under('orchestrator', 'api_version cluster.id cluster.name cluster.url cluster.version namespace organization'),
  ...under('orchestrator', 'resource.id resource.name resource.parent.type resource.type type'),
  ...under('organization', 'id name'),
  ...under('package', 'architecture name path type version'),
  ...under('process process.parent', 'args command_line entity_id executable name title working_directory'),
  ...under('registry', 'hive key path value data.type'),
  ...under('related', 'hash hosts user'),
  ...under('rule', 'category description id license name reference ruleset uuid version'),
  ...under('service', 'environment ephemeral_id id name node.name state type version'),
  ...under(ENDS, 'address domain mac registered_domain subdomain top_level_domain as.organization.name'),
  ...under(`${ENDS} host observer`, 'geo.city_name geo.country_iso_code geo.country_name geo.name geo.region_name'),
  ...under('span trace transaction', 'id'),
  ...under('threat', 'framework tactic.id tactic.name technique.id technique.name'),
  ...under(
    'tls',
    'cipher curve next_protocol version version_protocol client.server_name client.subject server.subject',
  ),
  ...under('url', 'domain extension fragment full original password path query registered_domain scheme username'),
  ...under(USERS, 'domain email full_name hash id name roles'),
  ...under('user_agent', 'name original version device.name os.full os.name os.version'),
  ...under('vulnerability', 'classification enumeration id reference report_id severity'),
  'tags',
]
