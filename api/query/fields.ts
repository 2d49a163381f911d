// Slips in field names. A name is refused only when events have a field much like it and none of this name.

import { ecsFieldTypes } from '../../core/ecs-fields.ts'

/** Keyword fields of ECS that people search by; with the typed ones of core/ecs-fields.ts, never taken for slips. */
const common = `@timestamp agent.id agent.name agent.type agent.version client.address client.bytes client.domain
client.user.name cloud.account.id cloud.account.name cloud.availability_zone cloud.instance.id cloud.project.id
cloud.provider cloud.region cloud.service.name container.id container.image.name container.image.tag container.name
container.runtime data_stream.dataset data_stream.namespace data_stream.type destination.address destination.as.number
destination.as.organization.name destination.bytes destination.domain destination.geo.city_name
destination.geo.country_iso_code destination.mac destination.packets destination.user.name dns.answers.data
dns.question.name dns.question.type dns.response_code ecs.version error.code error.id error.stack_trace error.type
event.action event.agent_id_status event.category event.code event.dataset event.duration event.hash event.id
event.kind event.module event.outcome event.provider event.reason event.reference event.sequence
event.timezone event.type event.url file.directory file.extension file.hash.md5 file.hash.sha1 file.hash.sha256
file.name file.owner file.path file.size file.type group.id group.name host.architecture host.domain host.hostname
host.id host.mac host.name host.os.family host.os.name host.os.type host.os.version host.type http.request.body.bytes
http.request.bytes http.request.id http.request.method http.request.referrer http.response.body.bytes
http.response.bytes http.version kubernetes.namespace kubernetes.node.name kubernetes.pod.name kubernetes.pod.uid
log.file.path log.level log.logger log.syslog.appname log.syslog.facility.code log.syslog.facility.name
log.syslog.hostname log.syslog.msgid log.syslog.procid log.syslog.severity.code log.syslog.severity.name
log.syslog.version network.application network.bytes network.community_id network.direction network.iana_number
network.name network.packets network.protocol network.transport network.type network.vlan.id observer.hostname
observer.name observer.product observer.type observer.vendor orchestrator.cluster.name orchestrator.namespace
orchestrator.resource.name orchestrator.resource.type orchestrator.type organization.id organization.name
process.args process.command_line process.entity_id process.executable process.exit_code process.hash.sha256
process.name process.parent.command_line process.parent.executable process.parent.name process.title process.user.name
process.working_directory registry.key registry.path registry.value related.hash related.hosts related.user
rule.category rule.id rule.name rule.ruleset rule.version server.address server.bytes server.domain service.address
service.id service.name service.type service.version source.address source.as.number source.as.organization.name
source.bytes source.domain source.geo.city_name source.geo.country_iso_code source.mac source.packets source.user.id
source.user.name tags threat.indicator.type threat.tactic.id threat.technique.id tls.cipher tls.client.server_name
tls.version trace.id transaction.id url.domain url.extension url.fragment url.full url.original url.path url.port
url.query url.scheme user.changes.name user.domain user.effective.id user.effective.name user.email user.full_name
user.group.id user.group.name user.hash user.id user.name user.roles user.target.id user.target.name user_agent.name
user_agent.original user_agent.os.name user_agent.version vulnerability.id vulnerability.severity haetae.source`

export const commonFields: ReadonlySet<string> = new Set([...ecsFieldTypes.keys(), ...common.split(/\s+/)])

/** A dotted name that is certainly a field, so that `user.name=root` is a slip and `uid=0` a text. */
export function looksLikeKnown(name: string, known?: ReadonlySet<string>): boolean {
  return name.includes('.') && (commonFields.has(name) || known?.has(name) === true)
}

/**
 * The known field that `name` was meant to be: the same but for case, or one or two letters off. Numbered siblings
 * (`param1`, `param2`) are never slips of each other.
 */
export function nearestField(name: string, known: Iterable<string>): string | undefined {
  const lower = name.toLowerCase()
  const letters = lower.replace(/\d+/g, '0')
  let best: string | undefined
  let bestEdits = lower.length >= 12 ? 3 : 2
  for (const field of known) {
    const other = field.toLowerCase()
    if (other === lower) return field
    if (Math.abs(other.length - lower.length) >= bestEdits || other.replace(/\d+/g, '0') === letters) continue
    if (sharesShortPart(lower, other)) continue
    const edits = countEdits(lower, other, bestEdits)
    if (edits < bestEdits) {
      best = field
      bestEdits = edits
    }
  }
  return best
}

/** `process.pid` and `process.uid` are two words, not a slip: two parts of up to 3 letters must be equal. */
function sharesShortPart(a: string, b: string): boolean {
  const [left, right] = [a.split('.'), b.split('.')]
  if (left.length !== right.length) return false
  return left.some((part, i) => part !== right[i] && Math.max(part.length, (right[i] as string).length) <= 3)
}

/** Damerau-Levenshtein (a swap of neighbours is one edit); gives up at `limit`. */
function countEdits(a: string, b: string, limit: number): number {
  let before: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    let least = i
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1
      let edits = Math.min((last[j] as number) + 1, (row[j - 1] as number) + 1, (last[j - 1] as number) + same)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        edits = Math.min(edits, (before[j - 2] as number) + 1)
      }
      row.push(edits)
      if (edits < least) least = edits
    }
    if (least >= limit) return limit
    before = last
    last = row
  }
  return last[b.length] as number
}
