// Which bus offsets are accounted for: half-open runs per partition. What is missing between runs was lost and comes
// back by replay.

import type { LostRange } from '../../core/store.ts'

export type Run = readonly [from: number, to: number]

/** Sorted, disjoint, not touching. */
export class Runs {
  #runs: Run[] = []

  get list(): readonly Run[] {
    return this.#runs
  }

  get end(): number | undefined {
    return this.#runs.at(-1)?.[1]
  }

  add(from: number, to: number): void {
    if (!(to > from)) return
    const before = this.#runs.filter((run) => run[1] < from)
    const after = this.#runs.filter((run) => run[0] > to)
    for (const run of this.#runs) {
      if (run[1] < from || run[0] > to) continue
      from = Math.min(from, run[0])
      to = Math.max(to, run[1])
    }
    this.#runs = [...before, [from, to], ...after]
  }

  remove(from: number, to: number): void {
    this.#runs = this.#runs.flatMap((run) => {
      if (run[1] <= from || run[0] >= to) return [run]
      const parts: Run[] = []
      if (run[0] < from) parts.push([run[0], from])
      if (run[1] > to) parts.push([to, run[1]])
      return parts
    })
  }

  has(offset: number): boolean {
    return this.#runs.some((run) => offset >= run[0] && offset < run[1])
  }

  /** What lies within [from, to) and in no run. */
  gaps(from: number, to: number): Run[] {
    const gaps: Run[] = []
    let at = from
    for (const run of this.#runs) {
      if (run[1] <= at) continue
      if (run[0] >= to) break
      if (run[0] > at) gaps.push([at, run[0]])
      at = run[1]
    }
    if (at < to) gaps.push([at, to])
    return gaps
  }
}

/** One partition's account: where it begins, what is on disk, what is stored at all. */
interface Account {
  base: number
  readonly durable: Runs
  readonly stored: Runs
  /** One past the largest offset of a row seen. */
  rowsEnd: number
  /** Rows seen of deliveries not finished: a delivery may come in several batches, or again after a failure. */
  live: number[]
  liveSet: Set<number> | undefined
  /** One past the largest offset of a lost row that came back, of a delivery not finished. */
  replayEnd: number
  /** The bus offset of the last live delivery. */
  next: number
}

export class Coverage {
  readonly #accounts = new Map<number, Account>()

  /** From an intact segment, or from the record of retired ones. */
  addDurable(partition: number, from: number, to: number): void {
    const account = this.#account(partition, from)
    account.base = Math.min(account.base, from)
    account.durable.add(from, to)
    account.stored.add(from, to)
    account.rowsEnd = Math.max(account.rowsEnd, to)
    account.next = Math.max(account.next, to)
  }

  /** Where the partition's account begins, as an intact segment remembers it: what lies between was lost. */
  setBase(partition: number, base: number): void {
    const account = this.#account(partition, base)
    account.base = Math.min(account.base, base)
  }

  /** A segment turned out damaged: its runs are to be replayed. */
  addLost(partition: number, from: number, to: number): void {
    const account = this.#account(partition, from)
    account.durable.remove(from, to)
    account.stored.remove(from, to)
  }

  /** Whether the row at this position is stored already. Marks it as seen when not. */
  isStored(partition: number, offset: number): boolean {
    const account = this.#account(partition, offset)
    if (offset >= account.rowsEnd) {
      account.rowsEnd = offset + 1
      account.live.push(offset)
      account.liveSet?.add(offset)
      return false
    }
    if (offset < account.base) account.base = offset // older than anything seen: a bus read further back than before
    const lost =
      offset < account.next &&
      account.stored.gaps(account.base, account.next).some((gap) => offset >= gap[0] && offset < gap[1])
    if (offset < account.next && !lost) return true
    account.liveSet ??= new Set(account.live)
    if (account.liveSet.has(offset)) return true
    account.live.push(offset)
    account.liveSet.add(offset)
    if (lost) account.replayEnd = Math.max(account.replayEnd, offset + 1)
    return false
  }

  /** Takes back the last `isStored` of a row that turned out new. */
  forget(partition: number, offset: number): void {
    const account = this.#account(partition, offset)
    if (account.live.at(-1) === offset) {
      account.live.pop()
      account.liveSet?.delete(offset)
      if (account.rowsEnd === offset + 1) account.rowsEnd = offset
    } else if (account.replayEnd === offset + 1) account.replayEnd = offset
  }

  /** Before a head is sealed amid a delivery: what of it is stored already, so that a replay does not bring it twice. */
  settle(): [partition: number, from: number, to: number][] {
    return [...this.#accounts].flatMap(([partition, account]) => {
      const runs: Run[] = []
      if (account.replayEnd > 0) runs.push(...this.deliver(partition, account.base - 1, account.replayEnd))
      if (account.rowsEnd > account.next) runs.push(...this.deliver(partition, account.next, account.rowsEnd))
      return runs.map(([from, to]) => [partition, from, to] as [number, number, number])
    })
  }

  /**
   * A delivery has been stored whole.
   * @param first offset of its first event, undefined when it had none
   * @returns the runs it adds to the head's account
   */
  deliver(partition: number, first: number | undefined, next: number): Run[] {
    const account = this.#account(partition, first ?? next)
    const added: Run[] = []
    const replays = first !== undefined ? first < account.next : next <= account.next
    if (replays) added.push(...account.stored.gaps(account.base, Math.min(next, account.next)))
    if (next > account.next) added.push([account.next, next])
    for (const [from, to] of added) account.stored.add(from, to)
    account.replayEnd = 0
    account.next = Math.max(account.next, next)
    account.live = account.live.filter((offset) => offset >= account.next || !account.stored.has(offset))
    account.liveSet = undefined
    return added
  }

  /** @returns the new durable offset of each partition whose offset moved */
  sealed(covers: readonly (readonly [number, number, number])[]): Map<number, number> {
    const before = this.durable()
    for (const [partition, from, to] of covers) this.#account(partition, from).durable.add(from, to)
    return new Map([...this.durable()].filter(([partition, next]) => before.get(partition) !== next))
  }

  /** The end of the first unbroken run: a restart replays from there. */
  durable(): Map<number, number> {
    const out = new Map<number, number>()
    for (const [partition, { base, durable }] of this.#accounts) {
      const first = durable.list[0]
      out.set(partition, first && first[0] <= base ? first[1] : base)
    }
    return out
  }

  lost(): LostRange[] {
    const out: LostRange[] = []
    for (const [partition, { base, stored, next }] of this.#accounts) {
      for (const [from, to] of stored.gaps(base, next)) out.push({ partition, from, to })
    }
    return out
  }

  base(): [number, number][] {
    return [...this.#accounts].map(([partition, { base }]) => [partition, base])
  }

  /** Per partition one past the last offset stored: where a tail that starts now would resume. */
  ends(): Map<number, number> {
    return new Map([...this.#accounts].map(([partition, { rowsEnd, next }]) => [partition, Math.max(rowsEnd, next)]))
  }

  #account(partition: number, from: number): Account {
    let account = this.#accounts.get(partition)
    if (!account) {
      account = {
        base: from,
        durable: new Runs(),
        stored: new Runs(),
        rowsEnd: from,
        live: [],
        liveSet: undefined,
        replayEnd: 0,
        next: from,
      }
      this.#accounts.set(partition, account)
    }
    return account
  }
}
