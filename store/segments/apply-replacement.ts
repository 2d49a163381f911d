// Newer versions of events into force: planned against all segments, written as segments of their own.

import type { ReplaceOptions, ReplaceResult } from '../../core/store.ts'
import type { Catalog } from './catalog.ts'
import { compileFilter } from './filter.ts'
import type { Head } from './head.ts'
import type { Supersede } from './hidden.ts'
import { Turns } from './plan.ts'
import { planReplacement, writeReplacement } from './replace.ts'
import { writeSegment } from './segment-writer.ts'
import type { SegmentView } from './view.ts'
import type { Writing } from './write-merged.ts'

export interface ReplaceTools {
  /** In arrival order, those in memory too. */
  readonly segments: () => readonly SegmentView[]
  readonly flush: () => Promise<void>
  readonly head: () => Head
  readonly writing: Writing
}

export async function applyReplacement(
  catalog: Catalog,
  batch: Uint8Array<ArrayBuffer>,
  options: ReplaceOptions,
  { segments: listSegments, flush, head, writing }: ReplaceTools,
): Promise<ReplaceResult> {
  const when = options.when && compileFilter(options.when)
  const { check } = writing
  for (;;) {
    check()
    const segments = listSegments()
    const ask = { ...options, when, segments, hidden: catalog.hidden, check }
    const plan = await catalog.pinned(segments, () => catalog.guard(() => planReplacement(batch, ask)))
    // What is in memory goes to disk first: the newer version must not be durable before the first one.
    if (plan.touches.some((sequence) => !catalog.sealed.some((segment) => segment.sequence === sequence))) {
      await flush()
      continue
    }
    if (plan.ids.length > 0) {
      const write = (to: Head, supersedes: readonly Supersede[]) => writeOne(catalog, to, supersedes, writing)
      await writeReplacement(batch, plan, new Turns({ check }), { heads: head, write })
    }
    catalog.counters.add('store_replaced_events_total', plan.ids.length)
    const { unknown, skipped, unchanged, ids, moved } = plan
    return { replaced: ids.length, unknown, skipped, unchanged, ids, moved }
  }
}

async function writeOne(
  catalog: Catalog,
  head: Head,
  supersedes: readonly Supersede[],
  { check, crash, broken }: Writing,
): Promise<void> {
  const facts = { covers: [], base: catalog.coverage.base(), replaces: [], replacement: true as const, supersedes }
  try {
    const { path } = await writeSegment(catalog.disk, catalog.dir, head, facts, crash)
    const segment = catalog.open(path)
    check()
    // In one step for whoever looks: the old versions go, the newer ones come.
    catalog.swap([], [segment])
  } catch (error) {
    catalog.counters.add('store_seal_failures_total')
    check() // as good as crashed: the next start decides
    try {
      catalog.discard(head.sequence) // or it came into force at the next start, when other ones may stand beside it
    } catch (refused) {
      broken(refused)
    }
    throw error
  }
}
