// What an edit would change: alerts of two versions of a rule over the same events, put beside each other. Ids do not help,
// a changed rule has other ones; the events do.

import type { Alert } from '../../core/detect.ts'

export const differences = ['new', 'gone', 'changed', 'same'] as const

export interface Difference {
  /**
   * same: the same events of the same group. changed: they share an event. new, gone: only after, only before the edit.
   */
  readonly change: (typeof differences)[number]
  /** As it would be; of `gone`, as it was. */
  readonly alert: Alert
  /** changed: what it was. */
  readonly before?: Alert
}

export function diffAlerts(before: Iterable<Alert>, after: Iterable<Alert>): Difference[] {
  const byDigest = new Map<string, Alert[]>()
  const byEvent = new Map<string, Alert[]>()
  const left = new Set<Alert>()
  const put = (map: Map<string, Alert[]>, key: string, alert: Alert) => {
    const list = map.get(key)
    if (list) list.push(alert)
    else map.set(key, [alert])
  }
  for (const alert of before) {
    left.add(alert)
    put(byDigest, `${alert.ruleId}\n${alert.digest}`, alert)
    for (const id of alert.eventIds) put(byEvent, `${alert.ruleId}\n${id}`, alert)
  }
  const out: Difference[] = []
  const others: Alert[] = []
  // Equal ones first, so that an alert that only shares an event does not take them away.
  for (const alert of after) {
    const equal = byDigest.get(`${alert.ruleId}\n${alert.digest}`)?.find((one) => left.has(one))
    if (equal) {
      left.delete(equal)
      out.push({ change: 'same', alert })
    } else others.push(alert)
  }
  for (const alert of others) {
    let was: Alert | undefined
    for (const id of alert.eventIds) {
      was = byEvent.get(`${alert.ruleId}\n${id}`)?.find((one) => left.has(one))
      if (was) break
    }
    if (was) left.delete(was)
    out.push(was ? { change: 'changed', alert, before: was } : { change: 'new', alert })
  }
  for (const alert of left) out.push({ change: 'gone', alert })
  const place = (one: Difference) => differences.indexOf(one.change)
  return out.sort(
    (a, b) => place(a) - place(b) || a.alert.firstSeen - b.alert.firstSeen || (a.alert.id < b.alert.id ? -1 : 1),
  )
}
