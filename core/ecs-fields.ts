// The ECS 9 field list, as much as types need: every field that is not a plain keyword.
import type { FieldType } from './fields.ts'

const byType: Record<Exclude<FieldType, 'keyword'>, string> = {
  text: 'message event.original error.message',
  ip: 'source.ip destination.ip host.ip client.ip server.ip related.ip source.nat.ip destination.nat.ip observer.ip',
  long: 'source.port destination.port process.pid process.parent.pid http.response.status_code event.severity log.syslog.priority',
  float: 'event.risk_score',
  boolean: '',
  date: '@timestamp event.created event.ingested event.start event.end',
}

export const ecsFieldTypes: ReadonlyMap<string, FieldType> = new Map(
  Object.entries(byType).flatMap(([type, names]) =>
    names
      .split(/\s+/)
      .filter(Boolean)
      .map((name) => [name, type as FieldType] as const),
  ),
)
