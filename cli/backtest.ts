// haetae backtest: what rules would have alerted on, over the ledger or a file, and what an edit would change.

import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { parseTime } from '../api/time.ts'
import { dumpLedger } from '../bus/ledger/dump.ts'
import type { WireAlert } from '../core/api.ts'
import { loadConfig } from '../core/config.ts'
import type { Alert } from '../core/detect.ts'
import { isPipelineError, PipelineError } from '../core/errors.ts'
import { partOf } from '../correlator/exceptions/own-tests.ts'
import { loadRuleSet, type RuleSet } from '../correlator/rule-set.ts'
import type { LoadedRules } from '../correlator/sigma/types.ts'
import { type Difference, diffAlerts, differences } from './backtest/diff.ts'
import { type PastRecord, replay } from './backtest/replay.ts'
import type { Command } from './command.ts'
import { NdjsonWriter, readLines } from './lines.ts'
import { clientOptions, clientUsage, type NodeClient, openClient } from './node-client.ts'
import { ruleSetPaths } from './own-files.ts'
import { isUnder, placeOf } from './rules/options.ts'
import { dim, isTerminal, safe } from './terminal.ts'

export const command: Command = {
  summary: 'replay the past through rules, and show what an edit changes',
  usage: `haetae backtest [RULE]... [--since T] [--until T] [--file F] [--against present|PATH]

  RULE           rule files or folders; default: the rules of the configuration. One that has the id of a loaded rule
                 takes its place
  --since T      events received since then: 30d, today, 2026-11-01T00:00:00Z (default 30d)
  --until T      (default now)
  --file F       log lines of a file instead of the ledger ('-': standard input)
  --dataset D    which pack the lines of --file belong to
  --against W    the difference to the present rules, or to the rules at PATH: alerts that are new, gone, changed, same
  --config F     the node's configuration: rules, lists, exceptions, packs, enrichment, masking, lateness
  --output json|text
${clientUsage}

The ledger is read beside a running node, with the same parser, detector, correlator and exceptions. Alerts that would be
gone are marked with how they were closed, when the node answers. Answers one alert a line; exit code 1 when an alert
would be gone that was closed with a reason that begins with 'true positive'.`,
  async run(args) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        ...clientOptions,
        config: { type: 'string' },
        since: { type: 'string', default: '30d' },
        until: { type: 'string', default: 'now' },
        file: { type: 'string' },
        dataset: { type: 'string' },
        against: { type: 'string' },
        output: { type: 'string' },
      },
    })
    const output = values.output ?? (isTerminal() ? 'text' : 'json')
    if (output !== 'text' && output !== 'json')
      throw new PipelineError('USAGE', { problem: `--output is text or json, not '${output}'`, command: 'backtest' })
    const loaded = loadConfig(values.config)
    // Like start: --data wins over the configuration, which wins over the default.
    const data = values.data === './data' && values.config !== undefined ? loaded.data : values.data
    const config = { ...loaded, data }
    const present = ruleSetPaths(config)
    const edited = loadRuleSet({ ...present, rules: [...positionals, ...present.rules] })
    const refused = edited.loaded.refused.filter(({ file }) => isUnder(file, positionals))
    for (const one of refused) console.error(safe(`refused ${placeOf(one)}: ${one.reason}`))
    if (refused.length > 0)
      throw new PipelineError('RULE_INVALID', { place: positionals.join(', '), problem: 'not every rule can be used' })
    const { against } = values
    const old =
      against === undefined
        ? undefined
        : loadRuleSet(against === 'present' ? present : { ...present, rules: [against, ...present.rules] })

    const wanted = wantedIds(edited, old, positionals)
    const sets = [edited, ...(old ? [old] : [])].map((set) => only(set, wanted))
    const now = Date.now()
    const range = { since: parseTime(values.since, now, '--since'), until: parseTime(values.until, now, '--until') }
    const records =
      values.file === undefined ? ledgerRecords(data, range) : fileRecords(values.file, values.dataset, now)
    const started = performance.now()
    const progress = (count: number) => {
      if (process.stderr.isTTY && count % 65_536 < 4096) console.error(dim(`${count} records`))
    }
    const { records: count, outcomes } = await replay(records, sets, config, progress)
    const after = outcomes[0]
    const before = outcomes[1]
    if (!after) return 0

    const mine = (alerts: Iterable<Alert>) => [...alerts].filter(({ ruleId }) => wanted.has(ruleId))
    const answers: Answer[] = before
      ? diffAlerts(mine(before.alerts.values()), mine(after.alerts.values()))
      : mine(after.alerts.values())
          .sort((a, b) => a.firstSeen - b.firstSeen || (a.id < b.id ? -1 : 1))
          .map((alert) => ({ alert }))
    const told = before ? await withTriage(answers, openClient({ ...values, data })) : answers
    if (output === 'json') {
      const out = new NdjsonWriter()
      for (const one of told) await out.write(one)
      await out.flush()
    } else for (const one of told) console.log(safe(textOf(one)))

    const seconds = ((performance.now() - started) / 1000).toFixed(1)
    console.error(`${count} records, ${after.matches} matches, ${told.length} alerts, ${seconds} s`)
    if (before) {
      const of = (change: string) => told.filter((one) => one.change === change).length
      console.error(differences.map((change) => `${of(change)} ${change}`).join(', '))
    }
    for (const [exception, matches] of after.excepted)
      console.error(`exception '${safe(exception)}' held for ${matches}`)
    for (const { rule, reason, matches } of after.degraded)
      console.error(safe(`${rule}: ${matches} matches left out (${reason}); its alerts are a lower bound`))
    const lost = told.filter(({ truePositive }) => truePositive).length
    if (lost > 0) console.error(`${lost} that would be gone had been closed as true positive`)
    return lost > 0 ? 1 : 0
  },
}

interface Answer extends Partial<Omit<Difference, 'alert'>> {
  readonly alert: Alert
  readonly status?: WireAlert['status']
  /** The last words with which people changed its triage. */
  readonly closed?: string
  readonly truePositive?: true
}

/** Rules of the named files; with two sets, those that differ between them too. */
function wantedIds(edited: RuleSet, old: RuleSet | undefined, named: readonly string[]): Set<string> {
  const out = new Set<string>()
  for (const rule of edited.rulesById.values()) if (named.length === 0 || isUnder(rule.file, named)) out.add(rule.id)
  if (old === undefined) return out
  const version = (set: RuleSet, id: string) => set.rulesById.get(id)?.version
  for (const id of [...edited.rulesById.keys(), ...old.rulesById.keys()])
    if (version(edited, id) !== version(old, id)) out.add(id)
  return out
}

/** Nothing but what is asked for, and what that builds on. */
function only(set: RuleSet, wanted: ReadonlySet<string>): RuleSet {
  const ids = new Set<string>()
  for (const rule of set.rulesById.values())
    if (wanted.has(rule.id)) {
      const part = partOf(set.loaded, rule)
      for (const { id } of [...part.rules, ...part.correlations]) ids.add(id)
    }
  const loaded: LoadedRules = {
    ...set.loaded,
    rules: set.loaded.rules.filter(({ id }) => ids.has(id)),
    correlations: set.loaded.correlations.filter(({ id }) => ids.has(id)),
  }
  const rulesById = new Map([...set.rulesById].filter(([id]) => ids.has(id)))
  return { ...set, loaded, rulesById, grouping: new Map([...set.grouping].filter(([id]) => ids.has(id))) }
}

async function* ledgerRecords(
  data: string,
  { since, until }: { since: number; until: number },
): AsyncGenerator<PastRecord> {
  const onGap = ({ from, to, reason }: { from: number; to: number; reason: string }) =>
    console.error(`records ${from} to ${to} of the ledger are not there (${reason})`)
  for await (const record of dumpLedger(join(data, 'ledger'), 0, Number.POSITIVE_INFINITY, { onGap }))
    if (record.receivedAtMs >= since && record.receivedAtMs < until) yield record
}

async function* fileRecords(path: string, dataset: string | undefined, now: number): AsyncGenerator<PastRecord> {
  const origin = { source: 'cli', kind: 'file', peer: '-', ...(dataset !== undefined && { dataset }) } as const
  let offset = 0
  for await (const bytes of readLines(path))
    if (bytes.length > 0) yield { partition: 0, offset: offset++, receivedAtMs: now, origin, key: '', flags: 0, bytes }
}

/** How people had closed what would be gone or other. Without a node nobody knows. */
async function withTriage(answers: readonly Answer[], client: NodeClient): Promise<Answer[]> {
  const out: Answer[] = []
  let reachable = true
  for (const answer of answers) {
    const was = answer.change === 'gone' ? answer.alert : answer.before
    if (!was || !reachable) {
      out.push(answer)
      continue
    }
    try {
      const response = await client.get(`/v1/alerts/${encodeURIComponent(was.id)}`)
      const { status, history } = (await response.json()) as WireAlert
      const words = history.findLast(({ who, change }) => who !== 'haetae' && change.includes('-> closed'))?.change
      const reason = status === 'closed' ? (words?.replace(/^.*-> closed:?\s*/, '') ?? '') : undefined
      const lost = answer.change === 'gone' && reason !== undefined && /^true[ _-]positive/i.test(reason)
      out.push({
        ...answer,
        status,
        ...(reason !== undefined && { closed: reason }),
        ...(lost && { truePositive: true as const }),
      })
    } catch (error) {
      if (isPipelineError(error, 'NODE_UNREACHABLE')) {
        reachable = false
        console.error('no node answers: how alerts were closed is not known')
      }
      out.push(answer) // the alert had not been told, or its retention is over
    }
  }
  return out
}

function textOf({ change, alert, before, closed, truePositive }: Answer): string {
  const group = Object.entries(alert.group)
    .map(([name, value]) => ` ${name}=${String(value)}`)
    .join('')
  const time = new Date(alert.firstSeen).toISOString()
  const was = before ? ` (was ${before.count})` : ''
  const how =
    closed === undefined ? '' : ` — was closed${closed === '' ? '' : `: ${closed}`}${truePositive ? ' (!)' : ''}`
  return `${change ? `${change.padEnd(8)}` : ''}${time} ${alert.level} ${alert.title}:${group} ${alert.count} events${was}${how}`
}
