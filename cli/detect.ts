// haetae detect: rules over events from a file, in the file's order, without a running node.

import { parseArgs } from 'node:util'
import type { AlertChange } from '../core/detect.ts'
import { PipelineError } from '../core/errors.ts'
import type { EcsEvent } from '../core/event.ts'
import { loadRuleSet, openCorrelator, openDetector } from '../correlator/rule-set.ts'
import { evtxToEvent } from '../correlator/sigma/evtx.ts'
import type { Command } from './command.ts'
import { NdjsonWriter, readLines } from './lines.ts'
import { ownRules } from './own-files.ts'
import { openLineParser, parseNow, readCase } from './parse.ts'

const inputs = ['ecs', 'evtx-json', 'jsonl', 'lines'] as const
type Input = (typeof inputs)[number]

export const command: Command = {
  summary: 'evaluate rules over events from a file',
  usage: `haetae detect [--rules PATH]... [--input ecs|evtx-json|jsonl|lines] [--stats] [FILE|-]

  --rules PATH         Sigma rules: a file, a folder or a .tar.gz; may be repeated (default: our own rules)
  --lists DIR          lists for placeholders; may be repeated
  --exceptions DIR     exceptions; what they hold for is answered with "excepted" and no part of an alert
  --input ecs          (default) every line is an event in nested ECS
  --input evtx-json    every line is a Windows event record ({"Event": {"System", "EventData"}}, or flat with Channel and
                       EventID); a rule's logsource decides by channel, event id and provider, as everywhere
  --input jsonl        every line is {"id", "raw", "dataset"?} and goes through 'parse' first
  --input lines        every line is a log line and goes through 'parse' first
  --dataset D, --zone Z, --packs DIR, --now TIME   as for 'parse'
  --stats              events/s, rules loaded and refused, on standard error

Answers {"event": index, "rule", "title", "level", "matched": [{"selection", "field", "value"}]} per match, index from 0,
and {"alert": {...}} per correlation. Exit code 1 when something matched.`,
  async run(args) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        rules: { type: 'string', multiple: true },
        lists: { type: 'string', multiple: true, default: [] },
        exceptions: { type: 'string' },
        input: { type: 'string', default: 'ecs' },
        dataset: { type: 'string' },
        zone: { type: 'string', default: 'UTC' },
        packs: { type: 'string', multiple: true, default: [] },
        now: { type: 'string' },
        stats: { type: 'boolean', default: false },
      },
    })
    if (!(inputs as readonly string[]).includes(values.input)) {
      throw new PipelineError('USAGE', {
        problem: `--input is ${inputs.join(', ')}, not '${values.input}'`,
        command: 'detect',
      })
    }
    const { lists, exceptions } = values
    const set = loadRuleSet({
      rules: values.rules ?? [ownRules],
      lists,
      ...(exceptions !== undefined && { exceptions }),
    })
    const { loaded, rulesById } = set
    for (const { file, line, reason } of [...loaded.refused, ...set.refusedExceptions])
      console.error(`refused ${file}${line ? `:${line}` : ''}: ${reason}`)
    if (loaded.rules.length + loaded.correlations.length === 0) {
      throw new PipelineError('RULE_INVALID', {
        place: (values.rules ?? []).join(', '),
        problem: 'no rule could be loaded',
      })
    }
    const input = values.input as Input
    const detector = openDetector(set)
    const correlator = openCorrelator(set)
    const now = parseNow(values.now)
    const read = eventReader(input, { packs: values.packs, zone: values.zone, now, dataset: values.dataset })

    const out = new NdjsonWriter()
    const started = performance.now()
    // A correlation is answered once, as it stands after the last event: what came in between is revision history.
    const alerts = new Map<string, AlertChange>()
    const note = (changes: readonly AlertChange[]) => {
      for (const change of changes) {
        if (change.alert.kind === 'correlation') alerts.set(change.alert.id, change)
      }
    }
    let index = 0
    let number = 0
    let matched = 0
    for await (const line of readLines(positionals[0] ?? '-')) {
      number++
      if (line.length === 0) continue
      const event = read(line, number)
      const timestamp = timeOf(event, now)
      const matches = detector.detect(event, `0-${index}`, timestamp, 0, index)
      for (const { ruleId, why, excepted } of matches) {
        const { title, level } = rulesById.get(ruleId) ?? {}
        await out.write({ event: index, rule: ruleId, title, level, matched: why, ...(excepted && { excepted }) })
        matched++
      }
      note(correlator.push(matches, timestamp))
      index++
    }
    note(correlator.finish())
    for (const { alert, state } of alerts.values()) {
      if (state === 'withdrawn') continue
      await out.write({ alert: { ...alert, events: alert.eventIds.map((id) => Number(id.slice(2))) } })
      matched++
    }
    await out.flush()
    if (values.stats) {
      const seconds = (performance.now() - started) / 1000
      console.error(
        JSON.stringify({
          events: index,
          seconds,
          eventsPerSecond: Math.round(index / seconds),
          rules: loaded.rules.length,
          correlations: loaded.correlations.length,
          refused: loaded.refused.map(({ file, line, reason }) => ({ file, line, reason })),
        }),
      )
    }
    return matched > 0 ? 1 : 0
  },
}

interface ReadOptions {
  readonly packs: readonly string[]
  readonly zone: string
  readonly now: () => number
  readonly dataset: string | undefined
}

function eventReader(input: Input, options: ReadOptions): (line: Buffer, number: number) => EcsEvent {
  if (input === 'lines' || input === 'jsonl') {
    const parse = openLineParser(options)
    if (input === 'lines') return (line) => parse(line, options.dataset)
    return (line, number) => {
      const { raw, dataset } = readCase(line, number)
      return parse(Buffer.from(raw), dataset ?? options.dataset)
    }
  }
  return (line, number) => {
    const refuse = (problem: string): never => {
      throw new PipelineError('REQUEST_INVALID', { problem: `line ${number} ${problem}` })
    }
    let value: unknown
    try {
      value = JSON.parse(line.toString('utf8'))
    } catch (error) {
      return refuse(`is not JSON: ${(error as Error).message}`)
    }
    if (value === null || typeof value !== 'object' || Array.isArray(value)) return refuse('is no JSON object')
    if (input === 'ecs') return value as EcsEvent
    return (
      evtxToEvent(value) ??
      refuse('is no Windows event record: it wants {"Event": {"System": ...}} or Channel and EventID')
    )
  }
}

function timeOf(event: EcsEvent, now: () => number): number {
  const text = event['@timestamp']
  const at = typeof text === 'string' ? Date.parse(text) : Number.NaN
  return Number.isNaN(at) ? now() : at
}
