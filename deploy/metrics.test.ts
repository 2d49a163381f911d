// Dashboard and alert rules ask only for what a node tells: names and labels as docs/metrics.md lists them, and as the code
// counts them.

import { globSync } from 'node:fs'
import { expect, test } from 'vitest'
import { read, readYaml, root } from './testing.ts'

/** Name -> labels, from the page's tables of names. */
const known = new Map<string, Set<string>>()
for (const row of read('docs/metrics.md').split('## Reasons of refusal')[0]?.split('\n') ?? []) {
  const [, names = '', labels = ''] = row.split('|')
  for (const [, name = ''] of names.matchAll(/`([a-z0-9_]+)`/g)) {
    known.set(name, new Set(labels.split(',').map((label) => label.trim())))
  }
}
const reasons = new Set(
  [...(read('docs/metrics.md').split('## Reasons of refusal')[1] ?? '').matchAll(/^\| `([a-z_]+)` \|/gm)].map(
    ([, name]) => name,
  ),
)

const rules = readYaml<{ groups: { name: string; rules: Record<string, unknown>[] }[] }>(
  'deploy/prometheus/alerts.yaml',
)
const alerts = rules.groups.flatMap((group) => group.rules) as {
  alert: string
  expr: string
  labels: Record<string, string>
  annotations: Record<string, string>
}[]

interface Panel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
  readonly targets?: { readonly expr: string; readonly refId: string }[]
}
const dashboard = JSON.parse(read('deploy/grafana/haetae.json')) as {
  panels: Panel[]
  templating: { list: { name: string; query: string }[] }
}
const expressions = [
  ...alerts.map(({ alert, expr }) => [alert, expr] as const),
  ...dashboard.panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => [title, expr] as const)),
  ...dashboard.templating.list.map(({ name, query }) => [name, query] as const),
]
/** Labels Prometheus or Kubernetes adds. */
const added = ['instance', 'job', 'pod', 'namespace']

test('the page was read', () => {
  expect(known.size).toBeGreaterThan(50)
  expect(known.get('ingest_refused_total')).toEqual(new Set(['source', 'reason']))
  expect(reasons.size).toBeGreaterThan(20)
})

const code = globSync('{main.ts,{api,bus,core,correlator,ingest,parsers,pipeline,store}/**/*.ts}', { cwd: root })
  .filter((file) => !file.endsWith('.test.ts') && !file.includes('node_modules'))
  .map(read)
  .join('\n')

test.each(expressions)('%s asks for what there is: %s', (_title, expr) => {
  const names = [...expr.matchAll(/\bhaetae_([a-z0-9_]+)/g)].map(([, name = '']) => name)
  for (const name of names) {
    expect([...known.keys()]).toContain(name)
    expect(code, `${name} is not counted anywhere`).toMatch(new RegExp(`['"\`]${name}['"\`]`))
  }
  if (names.length === 0) expect(expr).toMatch(/^up\{|^prometheus$/)
  const allowed = new Set([...added, ...names.flatMap((name) => [...(known.get(name) ?? [])])])
  for (const [, list = ''] of expr.matchAll(/\bby \(([^)]*)\)/g)) {
    for (const label of list.split(',')) expect([...allowed]).toContain(label.trim())
  }
  for (const [, label = '', value = ''] of expr.matchAll(/([a-z_]+)[!=]~?"([^"]*)"/g)) {
    expect([...allowed]).toContain(label)
    if (label === 'reason' && names.includes('ingest_refused_total')) {
      for (const reason of value.split('|')) expect([...reasons]).toContain(reason)
    }
  }
  // What grows is asked how fast, what goes up and down is not.
  for (const [, name = ''] of expr.matchAll(/\b(?:rate|increase)\(haetae_([a-z0-9_]+)/g))
    expect(name).toMatch(/_total$/)
  for (const [, name = ''] of expr.matchAll(/\bderiv\(haetae_([a-z0-9_]+)/g)) expect(name).not.toMatch(/_total$/)
})

test('every alert says how bad it is and what to do, once', () => {
  expect(new Set(alerts.map(({ alert }) => alert)).size).toBe(alerts.length)
  for (const { alert, labels, annotations } of alerts) {
    expect(['warning', 'critical'], alert).toContain(labels['severity'])
    expect(Object.keys(annotations), alert).toEqual(['summary', 'description'])
    for (const [, label = ''] of (annotations['summary'] ?? '').matchAll(/\$labels\.(\w+)/g)) {
      const { expr = '' } = alerts.find((other) => other.alert === alert) ?? {}
      // A label that `by` leaves out would be empty in the words.
      if (expr.includes(' by (')) expect(expr, alert).toMatch(new RegExp(`by \\([^)]*\\b${label}\\b`))
    }
  }
})

test('whatever is lost raises an alert', () => {
  const all = alerts.map(({ expr }) => expr).join('\n')
  const losses = [
    'ingest_refused_total',
    'bus_gap_records_total',
    'bus_damaged_bytes_total',
    'store_unrecoverable_records_total',
  ]
  for (const name of [...losses, 'store_dead_letters_total', 'process_poison_records_total']) {
    expect(all + alerts.map(({ annotations }) => annotations['description']).join('\n')).toContain(`haetae_${name}`)
  }
})

test('panels stand beside each other, each with a number of its own', () => {
  const { panels } = dashboard
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
  for (const { gridPos, title } of panels) expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(24)
  for (const [i, a] of panels.entries()) {
    for (const b of panels.slice(i + 1)) {
      const [p, q] = [a.gridPos, b.gridPos]
      const apart = p.x + p.w <= q.x || q.x + q.w <= p.x || p.y + p.h <= q.y || q.y + q.h <= p.y
      expect(apart, `${a.title} / ${b.title}`).toBe(true)
    }
  }
  for (const { targets = [], title } of panels) {
    expect(new Set(targets.map(({ refId }) => refId)).size, title).toBe(targets.length)
  }
})
