// Matches of one rule say much the same: the same reasons, the same few users and addresses. Each is kept once.

const MAX_KEPT = 65_536

/** One object for all equal ones. Forgets everything when full: what was handed out stays good, it is only shared less. */
export class Interner {
  readonly #byText = new Map<string, object>()

  /** @param value JSON-safe; never changed by anybody afterwards */
  intern<T extends object>(value: T): T {
    const text = JSON.stringify(value)
    const known = this.#byText.get(text)
    if (known) return known as T
    if (this.#byText.size >= MAX_KEPT) this.#byText.clear()
    this.#byText.set(text, value)
    return value
  }
}

const alone = new WeakMap<object, readonly unknown[]>()

/** `[value]`, the same array for the same object. */
export function listOf<T extends object>(value: T): readonly [T] {
  let list = alone.get(value)
  if (!list) {
    list = [value]
    alone.set(value, list)
  }
  return list as readonly [T]
}

const numbers: (readonly [number])[] = []

/** `[index]`, the same array for the same number. */
export function indexList(index: number): readonly [number] {
  return (numbers[index] ??= [index])
}
