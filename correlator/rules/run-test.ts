// Runs one of the tests that a rule file carries, through the same detector and correlator as everything else.

import type { Alert } from '../../core/detect.ts'
import type { EcsEvent } from '../../core/event.ts'
import type { WindowCorrelator } from '../correlator.ts'
import type { SigmaDetector } from '../sigma/engine.ts'
import type { RuleTest } from './rule-tests.ts'

/** The first event of a test happens then, where the event itself does not say. */
export const testStart = Date.UTC(2026, 10, 22, 10)

export interface TestRun {
  readonly detector: SigmaDetector
  /** An empty one for each test. */
  readonly openCorrelator: () => WindowCorrelator
  /** The pipeline's parser; without it, tests with raw lines cannot be run. */
  readonly parse?: (line: Buffer, receivedAtMs: number) => { readonly event: EcsEvent; readonly timestamp: number }
}

/** Alerts that stand after the last event, those that waited for time to pass included. */
export function alertsOfTest({ detector, openCorrelator, parse }: TestRun, test: RuleTest): Alert[] {
  const correlator = openCorrelator()
  const standing = new Map<string, Alert>()
  const note = (changes: ReturnType<WindowCorrelator['finish']>) => {
    for (const { alert, state } of changes)
      if (state === 'withdrawn') standing.delete(alert.id)
      else standing.set(alert.id, alert)
  }
  // Lines that all come at once say themselves when they were written.
  const spread = test.events.some(({ atMs }) => atMs > 0)
  let watermark = Number.NEGATIVE_INFINITY
  test.events.forEach(({ event, raw, atMs }, i) => {
    const at = testStart + atMs
    const parsed = event ? { event, timestamp: at } : parse?.(Buffer.from(raw ?? ''), at)
    if (!parsed) throw new TypeError('a test with raw lines needs the parser')
    const timestamp = spread ? at : parsed.timestamp
    watermark = Math.max(watermark, timestamp)
    note(correlator.push(detector.detect(parsed.event, `0-${i}`, timestamp, 0, i), watermark))
  })
  note(correlator.finish())
  return [...standing.values()]
}

export const isRunnable = (test: RuleTest, run: TestRun): boolean =>
  run.parse !== undefined || test.events.every(({ raw }) => raw === undefined)
