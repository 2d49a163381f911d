// Is this file one we know? By inode and content; or, for copies and files moved between devices, by content alone.

import type { FileHandle } from 'node:fs/promises'
import type { FoundFile } from './discover.ts'
import { type KnownFile, print, TAIL_BYTES } from './file-state.ts'

/** Less than this at the beginning is too little to take a file of another inode for the same. */
const MIN_HEAD_BYTES = 256

/** The file still begins as the known one did, and has the same bytes before its offset. */
export async function isSame(handle: FileHandle, size: number, known: KnownFile): Promise<boolean> {
  if (size < known.offset || size < known.headBytes) return false
  if ((await printOf(handle, 0, known.headBytes)) !== known.head && known.headBytes > 0) return false
  return (
    known.tailBytes === 0 || (await printOf(handle, known.offset - known.tailBytes, known.tailBytes)) === known.tail
  )
}

/** Prints of the beginning of one file, at the lengths others are known by; each is read once. */
export class HeadPrints {
  readonly #handle: FileHandle
  readonly #size: number
  readonly #prints = new Map<number, string>()

  constructor(handle: FileHandle, size: number) {
    this.#handle = handle
    this.#size = size
  }

  /** The file begins as the known one does, in enough bytes to mean something. */
  async match(known: KnownFile): Promise<boolean> {
    const { headBytes } = known
    if (headBytes < MIN_HEAD_BYTES || headBytes > this.#size) return false
    let head = this.#prints.get(headBytes)
    if (head === undefined) this.#prints.set(headBytes, (head = await printOf(this.#handle, 0, headBytes)))
    return head === known.head
  }
}

/**
 * The found file is a copy of (the beginning of) one that we are following: same first bytes, same last ones. It must
 * not be read: everything in it is read there.
 */
export async function isCopy(copy: FileHandle, found: FoundFile, original: FileHandle): Promise<boolean> {
  const { size } = await original.stat()
  if (found.size < MIN_HEAD_BYTES || size < found.size) return false
  for (const [at, bytes] of [
    [0, Math.min(4096, found.size)],
    [Math.max(0, found.size - 4096), Math.min(4096, found.size)],
  ] as const) {
    if ((await printOf(copy, at, bytes)) !== (await printOf(original, at, bytes))) return false
  }
  return true
}

/** The bytes before an offset, to recognise the place by. */
export async function bytesBefore(handle: FileHandle, offset: number): Promise<Buffer> {
  const bytes = Math.min(TAIL_BYTES, offset)
  const before = Buffer.alloc(bytes)
  const { bytesRead } = await handle.read(before, 0, bytes, offset - bytes)
  return before.subarray(0, bytesRead)
}

async function printOf(handle: FileHandle, at: number, bytes: number): Promise<string> {
  const buffer = Buffer.alloc(bytes)
  const { bytesRead } = await handle.read(buffer, 0, bytes, at)
  return print(buffer.subarray(0, bytesRead))
}
