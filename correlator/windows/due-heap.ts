// What is due first: a binary heap of (time, item). An item may be in it with an old time; the owner looks again.

export class DueHeap<T> {
  readonly #times: number[] = []
  readonly #items: T[] = []

  get size(): number {
    return this.#times.length
  }

  push(time: number, item: T): void {
    const times = this.#times
    const items = this.#items
    let at = times.length
    times.push(time)
    items.push(item)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if ((times[parent] as number) <= time) break
      times[at] = times[parent] as number
      items[at] = items[parent] as T
      at = parent
    }
    times[at] = time
    items[at] = item
  }

  /** Drops every item that is not wanted any more. */
  keep(wanted: (item: T) => boolean): void {
    const times = this.#times.splice(0)
    const items = this.#items.splice(0)
    for (let i = 0; i < items.length; i++) if (wanted(items[i] as T)) this.push(times[i] as number, items[i] as T)
  }

  /** The earliest item if its time is before `limit`. */
  popBefore(limit: number): T | undefined {
    const times = this.#times
    const items = this.#items
    if (times.length === 0 || !((times[0] as number) < limit)) return undefined
    const first = items[0] as T
    const time = times.pop() as number
    const item = items.pop() as T
    const length = times.length
    if (length === 0) return first
    let at = 0
    for (;;) {
      let child = at * 2 + 1
      if (child >= length) break
      if (child + 1 < length && (times[child + 1] as number) < (times[child] as number)) child++
      if ((times[child] as number) >= time) break
      times[at] = times[child] as number
      items[at] = items[child] as T
      at = child
    }
    times[at] = time
    items[at] = item
    return first
  }
}
