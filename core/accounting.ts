// The completeness ledger: for every source, received = stored + unparsed + duplicates + in flight, exactly, across
// restarts. Counts are tied to bus offsets, so a replay after a crash counts nothing twice.

export interface SourceCounts {
  readonly parsed: number
  /** Kept and searchable, with the reason no pack knew them. */
  readonly unparsed: Readonly<Record<string, number>>
  /** Newest receive time, ms since 1970. */
  readonly lastSeen: number
}

export interface SourceTotals {
  stored: number
  duplicates: number
  unparsedBy: Record<string, number>
  lastSeen: number
}

/** What is saved together with how far it reaches. JSON-safe. */
export interface AccountingState {
  readonly upTo: Record<string, number>
  readonly sources: Record<string, SourceTotals>
}

interface Entry {
  readonly partition: number
  readonly next: number
  readonly perSource: Readonly<Record<string, SourceCounts>>
  readonly duplicates: Readonly<Record<string, number>>
}

export class Accounting {
  /** Totals up to the durable offsets; saved. */
  #durable: AccountingState
  /** Processed but not yet durable in the store: replayed after a crash, so not saved. */
  #recent: Entry[] = []
  /** Durable on the bus in this life, not yet processed. */
  readonly #inFlight = new Map<string, number>()
  /** Records before these offsets were on the bus when this process started: they never were in #inFlight. */
  readonly #startedAt: ReadonlyMap<number, number>

  constructor(startedAt: ReadonlyMap<number, number>, saved?: AccountingState) {
    this.#startedAt = startedAt
    this.#durable = saved ?? { upTo: {}, sources: {} }
  }

  /** What was saved reaches up to this offset: a replay has to start no later. */
  upTo(partition: number): number {
    return this.#durable.upTo[partition] ?? 0
  }

  /** A batch became durable on the bus. */
  accepted(perSource: ReadonlyMap<string, number>): void {
    for (const [source, count] of perSource) this.#inFlight.set(source, (this.#inFlight.get(source) ?? 0) + count)
  }

  /** A delivery was appended to the store, in bus order. Below what was saved it is a replay and counts nothing. */
  record(
    partition: number,
    offset: number,
    next: number,
    perSource: Readonly<Record<string, SourceCounts>>,
    duplicates: Readonly<Record<string, number>>,
  ): void {
    if (offset >= (this.#startedAt.get(partition) ?? 0)) {
      for (const source of Object.keys(perSource)) {
        const left = (this.#inFlight.get(source) ?? 0) - total(perSource[source] as SourceCounts)
        this.#inFlight.set(source, Math.max(0, left))
      }
    }
    if (next <= (this.#durable.upTo[partition] ?? 0)) return
    this.#recent.push({ partition, next, perSource, duplicates })
  }

  /** The store is durable before `next`: what to save now, in the same breath as the bus commit. */
  durable(partition: number, next: number): AccountingState {
    const sources = structuredClone(this.#durable.sources)
    this.#recent = this.#recent.filter((entry) => {
      if (entry.partition !== partition || entry.next > next) return true
      fold(sources, entry)
      return false
    })
    this.#durable = { upTo: { ...this.#durable.upTo, [partition]: next }, sources }
    return this.#durable
  }

  /** Stored events were replaced (core/store.ts, ReplaceResult): what was unparsed may be parsed now. Sums stay. */
  moved(changes: ReadonlyMap<string, ReadonlyMap<string, number>>): void {
    const sources = structuredClone(this.#durable.sources)
    for (const [source, byReason] of changes) {
      const into = (sources[source] ??= { stored: 0, duplicates: 0, unparsedBy: {}, lastSeen: 0 })
      for (const [reason, change] of byReason) {
        if (reason === '') into.stored += change
        else into.unparsedBy[reason] = (into.unparsedBy[reason] ?? 0) + change
        if (into.unparsedBy[reason] === 0) delete into.unparsedBy[reason]
      }
    }
    this.#durable = { ...this.#durable, sources }
  }

  /** What to save when nothing has become durable since. */
  get state(): AccountingState {
    return this.#durable
  }

  /** As of now, per source. */
  view(): Map<string, SourceTotals & { inFlight: number }> {
    const sources = structuredClone(this.#durable.sources)
    for (const entry of this.#recent) fold(sources, entry)
    const out = new Map<string, SourceTotals & { inFlight: number }>()
    for (const source of new Set([...Object.keys(sources), ...this.#inFlight.keys()])) {
      const totals = sources[source] ?? { stored: 0, duplicates: 0, unparsedBy: {}, lastSeen: 0 }
      out.set(source, { ...totals, inFlight: this.#inFlight.get(source) ?? 0 })
    }
    return out
  }
}

function total(counts: SourceCounts): number {
  return counts.parsed + Object.values(counts.unparsed).reduce((sum, n) => sum + n, 0)
}

function fold(sources: Record<string, SourceTotals>, { perSource, duplicates }: Entry): void {
  for (const source of Object.keys(perSource)) {
    const counts = perSource[source] as SourceCounts
    const into = (sources[source] ??= { stored: 0, duplicates: 0, unparsedBy: {}, lastSeen: 0 })
    const twice = duplicates[source] ?? 0
    into.stored += counts.parsed - twice
    into.duplicates += twice
    for (const [reason, n] of Object.entries(counts.unparsed)) {
      into.unparsedBy[reason] = (into.unparsedBy[reason] ?? 0) + n
    }
    into.lastSeen = Math.max(into.lastSeen, counts.lastSeen)
  }
}
