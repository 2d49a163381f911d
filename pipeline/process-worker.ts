// One parse-and-detect thread: RawBatch in, EventBatch and rule matches out. Composes the stages that must not know each
// other; everything here is pure but for the clock.

import { parentPort, workerData } from 'node:worker_threads'
import { Counters } from '../core/counters.ts'
import type { RuleMatch } from '../core/detect.ts'
import { EventBatchWriter } from '../core/event-batch.ts'
import { completeDetector, loadRuleSet, withExceptionsOf } from '../correlator/rule-set.ts'
import { compileDetector } from '../correlator/sigma/engine.ts'
import { openEnrichment } from '../parsers/enrich/enrich.ts'
import { takeCutSearches } from '../parsers/grok/grok.ts'
import { openMask } from '../parsers/mask/mask.ts'
import { loadPacks } from '../parsers/packs.ts'
import { parseBatch } from '../parsers/parse-batch.ts'
import { createParser } from '../parsers/parser.ts'
import { observeUnparsed } from '../parsers/unparsed/observe.ts'
import { eventClock } from './event-clock.ts'
import type { ExceptionsChanged, ProcessAnswer, ProcessSetup, ProcessTask, Progress } from './process-pool.ts'
import { SelectingWriter } from './reparse-select.ts'

const { setup, progress } = workerData as { setup: ProcessSetup; progress: Progress }
const port = parentPort
if (!port) throw new Error('process-worker.ts runs as a worker thread')

/** What was noticed goes home this often: lines that could not be read, counts of patterns. */
const REPORT_EVERY_MS = 1_000
/** How soon a replaced table or MMDB file is noticed. */
const LOOK_EVERY_MS = 5_000

const packs = loadPacks(setup.packs)
const parser = createParser({ packs, defaultZone: setup.zone })
const observer = observeUnparsed(packs)
const rules = loadRuleSet(setup)
const compiled = compileDetector(rules.loaded)
let detector = completeDetector(compiled, rules)
const enrichment = openEnrichment(setup.enrich, (line) => console.error(line))
if (enrichment) setInterval(() => enrichment.look(), LOOK_EVERY_MS)
const mask = setup.masking && openMask(setup.masking)
const selecting = setup.selection && new SelectingWriter(setup.selection)
const writer = selecting ?? new EventBatchWriter()
const counters = new Counters()

port.on('message', (asked: ProcessTask | ExceptionsChanged) => {
  if ('exceptionsChanged' in asked) {
    if (setup.exceptions !== undefined) detector = completeDetector(compiled, withExceptionsOf(rules, setup.exceptions))
    return
  }
  const { task, partition, offset, batch, poison } = asked
  progress[0] = task
  const matches: RuleMatch[] = []
  let maxTimestamp = -Infinity
  const unwanted = selecting?.begin(batch, offset) ?? []
  const counted = parseBatch(parser, batch, partition, offset, writer, {
    poison: new Set([...poison, ...unwanted]),
    counters,
    onRecord: (index) => {
      progress[1] = index
    },
    complete: (parsed) => {
      enrichment?.add(parsed)
      mask?.(parsed)
      if (!selecting) observer.see(parsed)
    },
    onEvent: (event, id, timestamp, at) => {
      if (selecting && !selecting.took) return
      maxTimestamp = Math.max(maxTimestamp, timestamp)
      for (const match of detector.detect(event, id, timestamp, partition, at)) matches.push(match)
    },
  })
  const cut = takeCutSearches()
  if (cut > 0) counters.add('parse_cut_searches_total', cut)
  const perSource = selecting?.counts() ?? counted
  const events = writer.count > 0 ? writer.finish() : undefined
  const answer: ProcessAnswer = {
    task,
    processed: { events, matches, maxTimestamp: eventClock(maxTimestamp, perSource), perSource },
    counts: counters.drain(),
  }
  port.postMessage(answer, events ? [events.buffer] : [])
})
setInterval(() => {
  const report = observer.drain()
  if (report) port.postMessage({ report } satisfies ProcessAnswer)
}, REPORT_EVERY_MS)
port.postMessage({ ready: true } satisfies ProcessAnswer)
