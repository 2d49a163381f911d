// Reads a ledger folder as it lies there, without opening it: for checking and for looking into it.

import { join } from 'node:path'
import { Counters } from '../../core/counters.ts'
import type { Context } from './context.ts'
import { type LedgerFs, nodeFs } from './files.ts'
import { PARTITION, PARTITION_DIR } from './layout.ts'
import { parseSegmentName, Segment } from './segment.ts'

export interface WalkOptions {
  readonly files?: LedgerFs
  readonly now?: () => number
}

/** Counts into counters of its own: a look from outside is not part of what the node did. */
export function outsideContext(dir: string, { files = nodeFs, now = Date.now }: WalkOptions): Context {
  return {
    files,
    root: dir,
    dir: join(dir, PARTITION_DIR),
    partition: PARTITION,
    now,
    counters: new Counters(),
    at: () => undefined,
  }
}

/** Segments oldest first, with their size on disk. */
export async function listSegmentFiles(ctx: Context): Promise<Segment[]> {
  const segments: Segment[] = []
  for (const name of await ctx.files.list(ctx.dir)) {
    const first = parseSegmentName(name)
    if (first === undefined) continue
    const segment = new Segment(ctx.dir, first, 0)
    const file = await ctx.files.open(segment.path, 'read')
    try {
      segment.bytes = await file.size()
    } finally {
      await file.close()
    }
    segments.push(segment)
  }
  return segments.sort((a, b) => a.first - b.first)
}
