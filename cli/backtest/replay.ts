// Events of the past through the pipeline's own parse, detect and correlate, for one or two sets of rules at once. Memory
// is that of the correlators and of the alerts that stand; records go by in groups.

import type { SourceCounts } from '../../core/accounting.ts'
import { type Config, durationMs } from '../../core/config.ts'
import type { Alert, AlertChange } from '../../core/detect.ts'
import { PipelineError } from '../../core/errors.ts'
import type { EcsEvent } from '../../core/event.ts'
import type { EventBatchWriter } from '../../core/event-batch.ts'
import { type Origin, RawBatchWriter } from '../../core/raw-batch.ts'
import { openCorrelator, openDetector, type RuleSet } from '../../correlator/rule-set.ts'
import { openEnrichment } from '../../parsers/enrich/enrich.ts'
import { openMask } from '../../parsers/mask/mask.ts'
import { loadPacks } from '../../parsers/packs.ts'
import { parseBatch } from '../../parsers/parse-batch.ts'
import { createParser } from '../../parsers/parser.ts'
import { eventClock } from '../../pipeline/event-clock.ts'
import { packFolders } from '../own-files.ts'

/** One record as it lies on the bus. */
export interface PastRecord {
  readonly partition: number
  readonly offset: number
  readonly receivedAtMs: number
  readonly origin: Origin
  readonly key: string
  readonly flags: number
  readonly bytes: Uint8Array
}

/** What one set of rules made of the past. */
export interface Outcome {
  /** As they stand at the end, by id. */
  readonly alerts: ReadonlyMap<string, Alert>
  readonly matches: number
  /** Exception -> matches it held for. */
  readonly excepted: ReadonlyMap<string, number>
  /** Rules that could not keep all they should have: their alerts are a lower bound. */
  readonly degraded: readonly { readonly rule: string; readonly reason: string; readonly matches: number }[]
}

export interface Replayed {
  readonly records: number
  readonly outcomes: readonly Outcome[]
}

const GROUP_RECORDS = 4096
const GROUP_BYTES = 4 * 1024 * 1024
/** A rule that alerts more often needs no list of alerts to be seen as too loud. */
const MAX_ALERTS = 200_000

interface Side {
  readonly detect: (event: EcsEvent, id: string, timestamp: number, partition: number, offset: number) => void
  readonly push: (clock: number) => void
  readonly finish: () => Outcome
}

function openSide(set: RuleSet, allowedLatenessMs: number): Side {
  const detector = openDetector(set)
  const correlator = openCorrelator(set, { allowedLatenessMs })
  const alerts = new Map<string, Alert>()
  const excepted = new Map<string, number>()
  let matches = 0
  let waiting: ReturnType<typeof detector.detect> = []
  const note = (changes: readonly AlertChange[]) => {
    for (const { alert, state } of changes)
      if (state === 'withdrawn') alerts.delete(alert.id)
      else alerts.set(alert.id, alert)
    if (alerts.size > MAX_ALERTS)
      throw new PipelineError('REQUEST_INVALID', {
        problem: `over ${MAX_ALERTS} alerts: take a shorter --since, or a rule that is less loud`,
      })
  }
  return {
    detect(event, id, timestamp, partition, offset) {
      for (const match of detector.detect(event, id, timestamp, partition, offset)) {
        matches++
        waiting.push(match)
        for (const { exception } of match.excepted ?? []) excepted.set(exception, (excepted.get(exception) ?? 0) + 1)
      }
    },
    push(clock) {
      note(correlator.push(waiting, clock))
      waiting = []
    },
    finish() {
      note(correlator.finish())
      return { alerts, matches, excepted, degraded: correlator.degraded() }
    },
  }
}

/** @param onProgress records so far */
export async function replay(
  records: AsyncIterable<PastRecord>,
  sets: readonly RuleSet[],
  config: Config,
  onProgress: (records: number) => void = () => {},
): Promise<Replayed> {
  const parser = createParser({ packs: loadPacks(packFolders(config.packs)), defaultZone: config.zone })
  const enrichment = openEnrichment(config.enrich, (line) => console.error(line))
  const mask = config.masking && openMask(config.masking)
  const sides = sets.map((set) => openSide(set, durationMs(config.lateness)))
  let total = 0
  let group = new RawBatchWriter()
  let first: PastRecord | undefined

  const finishGroup = () => {
    if (!first) return
    let maxTimestamp = Number.NEGATIVE_INFINITY
    const { partition, offset } = first
    const perSource: Record<string, SourceCounts> = parseBatch(parser, group.finish(), partition, offset, unwritten, {
      complete: (parsed) => {
        enrichment?.add(parsed)
        mask?.(parsed)
      },
      onEvent: (event, id, timestamp, at) => {
        total++
        maxTimestamp = Math.max(maxTimestamp, timestamp)
        for (const side of sides) side.detect(event, id, timestamp, partition, at)
      },
    })
    const clock = eventClock(maxTimestamp, perSource)
    for (const side of sides) side.push(clock)
    group = new RawBatchWriter()
    first = undefined
    onProgress(total)
  }

  for await (const record of records) {
    const next = first ? first.offset + group.count : record.offset
    const full = group.count >= GROUP_RECORDS || group.byteLength >= GROUP_BYTES
    // Offsets of a batch follow each other; identity of events hangs on them.
    if (full || next !== record.offset || first?.partition !== record.partition) finishGroup()
    first ??= { ...record, bytes: new Uint8Array() }
    group.append(record.origin, record.receivedAtMs, record.bytes, record.key, record.flags)
  }
  finishGroup()
  return { records: total, outcomes: sides.map((side) => side.finish()) }
}

/** Nothing is stored. */
const unwritten = { count: 0, write() {} } as unknown as EventBatchWriter
