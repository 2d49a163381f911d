// Which blocks of a segment may hold a word: the blocks' Bloom filters, transposed, so that one small read answers for
// all blocks at once and nothing need stay in memory.
//
//   page     4,092 bytes of slots, then their CRC-32; a word lives in one page, chosen by its hash
//   slot     one bit a block (slot width: 1, 2, 4, 8, 16 or 32 bits, the power of two that holds the block count)
//   word     6 slots of its page; AND of the six = the blocks that may hold it
//
// 12 slots a distinct word of the fullest block: about 0.4 % of blocks are read in vain.

import { crc32 } from 'node:zlib'

export const FILTER_PAGE = 4096
const PAYLOAD = FILTER_PAGE - 4
const SLOTS_PER_WORD = 12
const PROBES = 6

export interface FilterShape {
  readonly pages: number
  readonly width: number
}

function mix(hash: number, seed: number): number {
  let h = hash ^ seed
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

function pageOf(hash: number, pages: number): number {
  return mix(hash, 0x51ed270b) % pages
}

/** @param blocks ascending word hashes per block, at most 32 blocks */
export function buildTokenFilter(blocks: readonly Uint32Array[]): { shape: FilterShape; bytes: Buffer } {
  const fullest = blocks.reduce((most, words) => Math.max(most, words.length), 0)
  const width = 2 ** Math.ceil(Math.log2(Math.max(1, blocks.length)))
  const slots = Math.floor((PAYLOAD * 8) / width)
  const pages = Math.max(1, Math.ceil((fullest * SLOTS_PER_WORD) / slots))
  const bytes = Buffer.alloc(pages * FILTER_PAGE)
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)
  for (let block = 0; block < blocks.length; block++) {
    for (const hash of blocks[block] as Uint32Array) {
      const base = pageOf(hash, pages) * (FILTER_PAGE / 4)
      let slot = mix(hash, 0x2545f491) % slots
      const step = 1 + (mix(hash, 0x7feb352d) % (slots - 1))
      for (let probe = 0; probe < PROBES; probe++) {
        const bit = slot * width + block
        words[base + (bit >>> 5)]! |= 1 << (bit & 31)
        slot = (slot + step) % slots
      }
    }
  }
  for (let page = 0; page < pages; page++) {
    const at = page * FILTER_PAGE
    bytes.writeUInt32LE(crc32(bytes.subarray(at, at + PAYLOAD)), at + PAYLOAD)
  }
  return { shape: { pages, width }, bytes }
}

/**
 * Bit b set: block b may hold the word.
 * @param readPage page bytes by number, whose CRC the caller has checked (`pageIsSound`)
 */
export function probeTokenFilter(shape: FilterShape, hash: number, readPage: (page: number) => Buffer): number {
  const { pages, width } = shape
  const slots = Math.floor((PAYLOAD * 8) / width)
  const page = readPage(pageOf(hash, pages))
  let slot = mix(hash, 0x2545f491) % slots
  const step = 1 + (mix(hash, 0x7feb352d) % (slots - 1))
  const keep = width === 32 ? 0xffffffff : 2 ** width - 1
  let blocks = keep
  for (let probe = 0; probe < PROBES && blocks !== 0; probe++) {
    const bit = slot * width
    blocks &= (page.readUInt32LE((bit >>> 5) * 4) >>> (bit & 31)) & keep
    slot = (slot + step) % slots
  }
  return blocks >>> 0
}

export function pageIsSound(page: Buffer): boolean {
  return page.length === FILTER_PAGE && crc32(page.subarray(0, PAYLOAD)) === page.readUInt32LE(PAYLOAD)
}
