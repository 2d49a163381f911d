// What we did and what we lost, by name and label. The registry behind /metrics and the sources page.
// Names read <stage>_<what>_<unit>_total; label values come from closed sets or configured names, never from log text.

export type Labels = Readonly<Record<string, string>>

interface Series {
  readonly name: string
  readonly labels: Labels
  value: number
}

/** One registry per process. Workers send `drain()` deltas home; the main thread `merge`s them. */
export class Counters {
  readonly #series = new Map<string, Series>()
  readonly #gauges = new Map<string, { name: string; labels: Labels; read: () => number }>()

  /** Adds `by` (default 1, may be 0 to make the series visible) to the counter `name{labels}`. */
  add(name: string, by = 1, labels: Labels = {}): void {
    const key = seriesKey(name, labels)
    const found = this.#series.get(key)
    if (found) found.value += by
    else this.#series.set(key, { name, labels, value: by })
  }

  /** A value read when asked for: queue lengths, bytes held, lag. Registering again replaces. */
  gauge(name: string, read: () => number, labels: Labels = {}): void {
    this.#gauges.set(seriesKey(name, labels), { name, labels, read })
  }

  get(name: string, labels: Labels = {}): number {
    return this.#series.get(seriesKey(name, labels))?.value ?? 0
  }

  /** Every series of one name. */
  list(name: string): { labels: Labels; value: number }[] {
    return [...this.#series.values()].filter((s) => s.name === name).map(({ labels, value }) => ({ labels, value }))
  }

  /** What was counted since the last drain, for another thread to `merge`. Leaves the counters at zero. */
  drain(): { name: string; labels: Labels; value: number }[] {
    const out = [...this.#series.values()].filter((s) => s.value !== 0)
    this.#series.clear()
    return out
  }

  merge(deltas: readonly { name: string; labels: Labels; value: number }[]): void {
    for (const { name, labels, value } of deltas) this.add(name, value, labels)
  }

  /** Prometheus text exposition format 0.0.4, names prefixed `haetae_`. */
  expose(): string {
    const lines: string[] = []
    const byName = <T extends { name: string }>(items: Iterable<T>) =>
      [...items].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
    let last = ''
    const emit = (name: string, type: string, labels: Labels, value: number) => {
      if (name !== last) lines.push(`# TYPE haetae_${name} ${type}`)
      last = name
      lines.push(`haetae_${name}${formatLabels(labels)} ${value}`)
    }
    for (const s of byName(this.#series.values())) emit(s.name, 'counter', s.labels, s.value)
    for (const g of byName(this.#gauges.values())) emit(g.name, 'gauge', g.labels, g.read())
    return `${lines.join('\n')}\n`
  }
}

function seriesKey(name: string, labels: Labels): string {
  let key = name
  for (const label of Object.keys(labels).sort()) key += `\u0000${label}\u0000${labels[label]}`
  return key
}

function formatLabels(labels: Labels): string {
  const names = Object.keys(labels).sort()
  if (names.length === 0) return ''
  const quote = (v: string) => v.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
  return `{${names.map((n) => `${n}="${quote(labels[n] ?? '')}"`).join(',')}}`
}
