// Whether a store may still write: it is open, and its disk has not refused for good.

export class Health {
  readonly #dir: string
  #broken: unknown
  closed = false

  constructor(dir: string) {
    this.#dir = dir
  }

  get broken(): unknown {
    return this.#broken
  }

  /** The first reason stays. */
  fail(error: unknown): void {
    this.#broken ??= error
  }

  refuseIfClosed(): void {
    if (this.closed) throw new Error(`${this.#dir}: the event store is closed`)
  }

  refuseIfUnable(): void {
    this.refuseIfClosed()
    if (this.#broken) throw this.#broken
  }
}
