// Walks the frames of a segment file, over damage too: what cannot be read is said with its place, and the walk goes on
// at the next intact frame.

import { crc32 } from 'node:zlib'
import { type LedgerFile, readFull } from './files.ts'
import { decodeHeader, FRAME_HEADER, type FrameHeader, isBatch, MAGIC_BYTES } from './frame.ts'

const WINDOW_BYTES = 256 * 1024

export interface ScannedFrame {
  readonly kind: 'frame'
  readonly header: FrameHeader
  readonly position: number
  readonly bytes: number
  /** The stored payload, CRC checked, when it was asked for: a view, valid until the next call. */
  readonly payload: Buffer | undefined
}

export interface ScannedDamage {
  readonly kind: 'damage'
  readonly position: number
  readonly bytes: number
  readonly problem: string
  /** Offsets lost, where the frame's header is intact and only the payload is not. */
  readonly first?: number
  readonly next?: number
}

export class SegmentScanner {
  /** Where the next frame is looked for. */
  position: number
  /** Never reads at or beyond; grows with the segment being written. */
  end: number
  /** Learnt from the first intact frame. */
  salt: Buffer | undefined
  readonly #file: LedgerFile
  readonly #place: string
  #memory: Buffer = Buffer.alloc(0)
  #window: Buffer = Buffer.alloc(0)
  #windowAt = 0

  constructor(file: LedgerFile, place: string, end: number, position = 0) {
    this.#file = file
    this.#place = place
    this.end = end
    this.position = position
  }

  /**
   * @param wantPayload which batches to read and check; others are passed over by their header
   * @returns undefined at the end
   * @throws what the disk says when it cannot be read, BATCH_CORRUPT for a newer version
   */
  async next(wantPayload: (header: FrameHeader) => boolean): Promise<ScannedFrame | ScannedDamage | undefined> {
    const position = this.position
    if (position >= this.end) return undefined
    const view = await this.#view(position, FRAME_HEADER)
    const header = decodeHeader(view, 0, this.salt, this.#place)
    if (!header) return this.#skipDamage(position, 'no intact frame header')
    const bytes = FRAME_HEADER + header.payloadBytes
    if (position + bytes > this.end) return this.#skipDamage(position, 'frame is cut short')
    this.salt ??= header.salt
    this.position = position + bytes
    if (!isBatch(header) || !wantPayload(header)) return { kind: 'frame', header, position, bytes, payload: undefined }
    const payload = await this.#view(position + FRAME_HEADER, header.payloadBytes)
    if (payload.length !== header.payloadBytes || crc32(payload) !== header.payloadCrc) {
      const problem = 'payload does not match its CRC'
      return { kind: 'damage', position, bytes, problem, first: header.first, next: header.first + header.count }
    }
    return { kind: 'frame', header, position, bytes, payload }
  }

  /** Finds the next intact header after `position` and stands there; at the end when there is none. */
  async #skipDamage(position: number, problem: string): Promise<ScannedDamage> {
    let at = position + 1
    while (at + FRAME_HEADER <= this.end) {
      const view = await this.#view(at, Math.min(WINDOW_BYTES, this.end - at))
      if (view.length < FRAME_HEADER) break
      let found = view.indexOf(MAGIC_BYTES)
      while (found >= 0 && found + FRAME_HEADER <= view.length) {
        const header = decodeHeader(view, found, this.salt, this.#place)
        if (header && at + found + FRAME_HEADER + header.payloadBytes <= this.end) {
          this.position = at + found
          return { kind: 'damage', position, bytes: this.position - position, problem }
        }
        found = view.indexOf(MAGIC_BYTES, found + 1)
      }
      // The last bytes may hold the beginning of a header: look at them again with what follows.
      at += view.length - FRAME_HEADER + 1
    }
    this.position = this.end
    return { kind: 'damage', position, bytes: this.end - position, problem }
  }

  /** A view of [position, position + length), shorter only at the end. */
  async #view(position: number, length: number): Promise<Buffer> {
    const wanted = Math.min(length, this.end - position)
    let at = position - this.#windowAt
    if (at < 0 || at + wanted > this.#window.length) {
      const size = Math.min(Math.max(wanted, WINDOW_BYTES), this.end - position)
      if (this.#memory.length < size) this.#memory = Buffer.allocUnsafeSlow(size)
      this.#window = this.#memory.subarray(0, 0) // should the read fail, nothing stale is taken for it
      const got = await readFull(this.#file, this.#memory.subarray(0, size), position)
      this.#window = this.#memory.subarray(0, got)
      this.#windowAt = position
      at = 0
    }
    return this.#window.subarray(at, at + wanted)
  }
}
