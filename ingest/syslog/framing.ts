// Splits a syslog TCP stream into messages, each framed its own way (RFC 6587).
//
//   octet counting  MSG-LEN SP <PRI>...          MSG-LEN: 1-9, then digits, at most 10; section 3.4.1
//   by terminator   anything else, up to LF      section 3.4.2; CRLF counts as one, NUL too (see below)
//
//   [#pending: copies of the unfinished message from earlier chunks][#chunk: ...#start...#at...]
//
// A message that lies within one chunk is a view into it: nothing is copied. Work is pulled (`next`), not pushed, so that
// the caller may stop in the middle of a chunk when it has no room or has had its turn.

import { PipelineError } from '../../core/errors.ts'
import { trimTerminator } from './trim-terminator.ts'

export interface FramerLimits {
  /** Longest message by terminator, in bytes; of a longer one the first part is kept, marked, and the rest skipped. */
  readonly maxBytes: number
  /** Longest octet-counted message; a longer one ends the connection. */
  readonly maxCountedBytes: number
}

const LF = 0x0a
const NUL = 0x00
const CR = 0x0d
const SP = 0x20
const LESS = 0x3c
const PLUS = 0x2b
const MINUS = 0x2d
const ZERO = 0x30
const NINE = 0x39
const MAX_COUNT_DIGITS = 10

const State = { head: 0, counted: 1, line: 2, skipping: 3 } as const
type State = (typeof State)[keyof typeof State]

const EMPTY = Buffer.alloc(0)

/**
 * One per connection: `framer.write(chunk); while (framer.next()) use(framer.message, framer.truncated)`.
 * NUL ends a message when `<` and a digit follow, or when the sender falls silent (`flushNul`); any other NUL is part of
 * the message, so that a hostile or binary one is kept whole instead of cut to pieces.
 * Once a connection has counted octets it must go on with a count or with `<`: anything else is what is left of a message
 * that was longer than its count, and would be stored as one that nobody sent.
 */
export class SyslogFramer {
  /** After `next()` answered true: the message without its framing, valid until the next call. Never empty. */
  message: Buffer = EMPTY
  /** The message was longer than maxBytes; `message` is its first part. */
  truncated = false
  /** Empty messages skipped so far. */
  empty = 0

  readonly #peer: string
  readonly #maxBytes: number
  readonly #maxCountedBytes: number
  #state: State = State.head
  #chunk: Buffer = EMPTY
  /** Where the unfinished message begins in the chunk, and where the next byte is looked at. */
  #start = 0
  #at = 0
  /** Place of the next LF and NUL at or after #at, chunk length when there is none; -1: not looked for yet. Kept, so that
   * a chunk full of one never makes us look for the other again and again. */
  #lfAt = -1
  #nulAt = -1
  #pending: Buffer = EMPTY
  #pendingBytes = 0
  /** One or two bytes at the end of the last chunk that mean something only with those that follow: NUL, or NUL `<`. */
  #tail: Buffer = EMPTY
  #counting = false
  #sign = 0
  #digits = 0
  #leadingZero = false
  #spaced = false
  #count = 0

  constructor(peer: string, limits: FramerLimits) {
    this.#peer = peer
    this.#maxBytes = limits.maxBytes
    this.#maxCountedBytes = limits.maxCountedBytes
  }

  /** Bytes kept from earlier chunks for an unfinished message. */
  get carriedBytes(): number {
    return this.#pending.length
  }

  /** A message has begun and not ended (or the rest of one is being skipped). */
  get unfinished(): boolean {
    return this.#state !== State.head || this.#digits > 0 || this.#sign !== 0 || this.#tail.length > 0
  }

  /** The last thing seen is a NUL that ends a message if nothing follows. */
  get endsWithNul(): boolean {
    return this.#tail.length === 1
  }

  /** @param chunk bytes just read; kept until `next()` answers false */
  write(chunk: Buffer): void {
    this.#chunk = this.#tail.length === 0 ? chunk : Buffer.concat([this.#tail, chunk])
    this.#tail = EMPTY
    this.#start = this.#at = 0
    this.#lfAt = this.#nulAt = -1
  }

  /**
   * @returns true: `message` is the next one; false: the chunk is used up
   * @throws FRAME_TOO_LONG, FRAME_BAD_LENGTH: close the connection, it cannot be read on
   */
  next(): boolean {
    this.truncated = false
    while (this.#at < this.#chunk.length) {
      if (this.#state === State.head) this.#readHead()
      else if (this.#state === State.counted) {
        if (this.#readCounted()) return true
      } else if (this.#readLine()) return true
    }
    this.#carry(this.#start, this.#at)
    this.#chunk = EMPTY
    this.#start = this.#at = 0
    return false
  }

  /** The sender is silent after a NUL: that was a terminator. @returns as `next()` */
  flushNul(): boolean {
    if (!this.endsWithNul) return false
    this.#tail = EMPTY
    return this.#endLine(0, 0)
  }

  /**
   * The stream is over.
   * @returns 'message': a last line without terminator is in `message`; 'cut': an octet-counted message is incomplete
   */
  end(): 'message' | 'cut' | 'nothing' {
    if (this.#state === State.counted) return 'cut'
    if (this.#state === State.head && this.#counting && this.#pendingBytes > 0) return 'cut'
    if (this.#tail.length > 0) {
      this.#keep(this.#tail)
      this.#tail = EMPTY
    }
    return this.#pendingBytes > 0 && this.#endLine(0, 0) ? 'message' : 'nothing'
  }

  /** Reads what may become a count, byte by byte: `[+-]digits SP <`. */
  #readHead(): void {
    const chunk = this.#chunk
    while (this.#at < chunk.length) {
      const byte = chunk[this.#at] as number
      if (this.#spaced) {
        this.#decide(byte)
        return
      }
      if (byte >= ZERO && byte <= NINE) {
        if (this.#digits === 0) this.#leadingZero = byte === ZERO
        this.#digits++
        if (this.#digits <= MAX_COUNT_DIGITS) this.#count = this.#count * 10 + (byte - ZERO)
        else if (this.#counting) this.#badLength(`${this.#digits} digits`)
        // Digits without end: past the limit they are a line like any other.
        else if (this.#digits > this.#maxBytes) {
          this.#becomeLine()
          return
        }
        this.#at++
      } else if (byte === SP && this.#digits > 0) {
        this.#spaced = true
        this.#at++
      } else if (this.#isBetweenMessages(byte)) {
        if (byte === LF) this.empty++
        this.#at++
        this.#start = this.#at
      } else if (this.#digits === 0 && this.#sign === 0 && (byte === PLUS || byte === MINUS)) {
        this.#sign = byte
        this.#at++
      } else {
        if (this.#counting && !(byte === LESS && this.#digits === 0 && this.#sign === 0)) this.#badLength(quote(byte))
        this.#becomeLine()
        return
      }
    }
  }

  /** An empty line, or the terminator that some senders put after a counted message too. */
  #isBetweenMessages(byte: number): boolean {
    if (this.#digits > 0 || this.#sign !== 0) return false
    return byte === LF || (this.#counting && (byte === CR || byte === NUL))
  }

  /** After digits and a space: `<` makes them a count, anything else makes them the beginning of a line. */
  #decide(byte: number): void {
    if (byte !== LESS) {
      if (this.#counting) this.#badLength(`${quote(byte)} after a count`)
      this.#becomeLine()
      return
    }
    if (this.#sign !== 0) this.#badLength(`a count with ${quote(this.#sign)}`)
    if (this.#leadingZero) this.#badLength('a count that begins with 0')
    if (this.#digits > MAX_COUNT_DIGITS) this.#badLength(`${this.#digits} digits`)
    if (this.#count > this.#maxCountedBytes) {
      throw new PipelineError('FRAME_TOO_LONG', {
        peer: this.#peer,
        bytes: this.#count,
        maxBytes: this.#maxCountedBytes,
      })
    }
    this.#counting = true
    this.#state = State.counted
    this.#start = this.#at
    this.#pendingBytes = 0
    this.#digits = this.#sign = 0
    this.#spaced = false
  }

  #becomeLine(): void {
    this.#state = State.line
    this.#digits = this.#sign = this.#count = 0
    this.#spaced = false
  }

  #badLength(found: string): never {
    throw new PipelineError('FRAME_BAD_LENGTH', { peer: this.#peer, found })
  }

  #readCounted(): boolean {
    const end = this.#start + this.#count - this.#pendingBytes
    if (end > this.#chunk.length) {
      this.#at = this.#chunk.length
      return false
    }
    this.message = trimTerminator(this.#join(this.#start, end))
    this.#startOver(end)
    return true
  }

  #readLine(): boolean {
    const chunk = this.#chunk
    if (this.#lfAt < this.#at) this.#lfAt = find(chunk, LF, this.#at)
    const lf = this.#lfAt
    let from = this.#at
    for (;;) {
      if (this.#nulAt < from) this.#nulAt = find(chunk, NUL, from)
      const nul = this.#nulAt
      if (nul >= lf) {
        if (lf < chunk.length) return this.#endLine(lf, lf + 1)
        return this.#lineGoesOn(chunk.length)
      }
      const after = this.#afterNul(nul)
      if (after === 'end') return this.#endLine(nul, nul + 1)
      if (after === 'unknown') {
        this.#tail = Buffer.from(chunk.subarray(nul))
        this.#chunk = chunk.subarray(0, nul)
        return this.#lineGoesOn(nul)
      }
      from = nul + 1
    }
  }

  #afterNul(nul: number): 'end' | 'inside' | 'unknown' {
    const chunk = this.#chunk
    if (nul + 1 >= chunk.length) return 'unknown'
    if (chunk[nul + 1] !== LESS) return 'inside'
    if (nul + 2 >= chunk.length) return 'unknown'
    const digit = chunk[nul + 2] as number
    return digit >= ZERO && digit <= NINE ? 'end' : 'inside'
  }

  /** The line ends before `end`; what follows begins at `next`. @returns whether there is a message to hand out */
  #endLine(end: number, next: number): boolean {
    if (this.#state === State.skipping) {
      this.#startOver(next)
      return false
    }
    // One byte over the limit may be the CR or NUL before the LF.
    const over = this.#pendingBytes + end - this.#start > this.#maxBytes + 1
    const line = over ? this.#firstPart(end) : trimTerminator(this.#join(this.#start, end))
    this.#startOver(next)
    if (line.length === 0) {
      this.empty++
      return false
    }
    this.truncated = over || line.length > this.#maxBytes
    this.message = this.truncated ? line.subarray(0, this.#maxBytes) : line
    return true
  }

  #firstPart(end: number): Buffer {
    return this.#join(this.#start, Math.min(end, this.#start + this.#maxBytes - this.#pendingBytes))
  }

  /** No terminator up to `end`. Over the limit: hand out the first part now, skip the rest as it comes. */
  #lineGoesOn(end: number): boolean {
    this.#at = end
    if (this.#state === State.skipping) {
      this.#start = end
      return false
    }
    const bytes = this.#pendingBytes + end - this.#start
    // One byte more may be the CR of a CRLF whose LF has not come yet.
    if (bytes < this.#maxBytes + 1 || (bytes === this.#maxBytes + 1 && this.#chunk[end - 1] === CR)) return false
    this.message = this.#firstPart(end).subarray(0, this.#maxBytes)
    this.truncated = true
    this.#pendingBytes = 0
    this.#start = end
    this.#state = State.skipping
    return true
  }

  #startOver(next: number): void {
    this.#state = State.head
    this.#start = this.#at = next
    this.#digits = this.#sign = this.#count = 0
    this.#spaced = false
    this.#pendingBytes = 0
    if (this.#pending.length > 4096) this.#pending = EMPTY // a long one must not be held while the connection idles
  }

  /** The message so far, from `#pending` and the chunk. */
  #join(start: number, end: number): Buffer {
    if (this.#pendingBytes === 0) return this.#chunk.subarray(start, end)
    this.#carry(start, Math.max(start, end))
    return this.#pending.subarray(0, this.#pendingBytes)
  }

  #carry(start: number, end: number): void {
    if (end > start) this.#keep(this.#chunk.subarray(start, end))
  }

  #keep(bytes: Buffer): void {
    const need = this.#pendingBytes + bytes.length
    if (need > this.#pending.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(need, Math.min(this.#pending.length * 2, this.#maxCountedBytes)))
      this.#pending.copy(grown, 0, 0, this.#pendingBytes)
      this.#pending = grown
    }
    this.#pending.set(bytes, this.#pendingBytes)
    this.#pendingBytes = need
  }
}

function find(chunk: Buffer, byte: number, from: number): number {
  const at = chunk.indexOf(byte, from)
  return at === -1 ? chunk.length : at
}

function quote(byte: number): string {
  return byte > SP && byte < 0x7f ? `'${String.fromCharCode(byte)}'` : `byte 0x${byte.toString(16).padStart(2, '0')}`
}
