// haetae rules: what is loaded, whether it is right, and whether it can see what arrives. One file a command in rules/.

import { parseArgs } from 'node:util'
import { PipelineError } from '../core/errors.ts'
import { loadRuleSet } from '../correlator/rule-set.ts'
import type { Command } from './command.ts'
import { NdjsonWriter } from './lines.ts'
import { clientOptions, clientUsage, openClient } from './node-client.ts'
import { byTechnique, coverRules } from './rules/coverage.ts'
import { explainEvent } from './rules/explain.ts'
import { explainLines } from './rules/explain-text.ts'
import { importRules } from './rules/import.ts'
import { junit } from './rules/junit.ts'
import { pathsOf, placeOf, ruleOptions, ruleUsage } from './rules/options.ts'
import { testRules } from './rules/test.ts'
import { isTerminal, safe } from './terminal.ts'

const options = {
  ...clientOptions,
  ...ruleOptions,
  output: { type: 'string' },
  into: { type: 'string', default: './rules' },
  all: { type: 'boolean', default: false },
  timeframe: { type: 'string', default: '1h' },
  'dry-run': { type: 'boolean', default: false },
  file: { type: 'string' },
  dataset: { type: 'string' },
  since: { type: 'string', default: 'now-7d' },
  attack: { type: 'boolean', default: false },
} as const

const parse = (args: readonly string[]) => parseArgs({ args: [...args], allowPositionals: true, options })
type Values = ReturnType<typeof parse>['values']

export const command: Command = {
  summary: 'list, check, test, import and explain rules',
  usage: `haetae rules ls [PATH]...
haetae rules lint [PATH]...
haetae rules test [PATH]... [--output junit]
haetae rules import FOLDER|FILE.tar.gz [--into DIR] [--all] [--timeframe T] [--dry-run]
haetae rules coverage [PATH]... [--file EVENTS] [--since T] [--attack]
haetae rules explain RULE EVENT

  ls        every rule and correlation of the paths (default: our own), one a line
  lint      what cannot be used and what a reader should know; exit code 1 when a rule or an exception is refused
  test      the tests that rule files carry, through parser, detector and correlator; exit code 1 when one fails.
            --output junit prints JUnit XML
  import    copies rules that can be used into --into (default ./rules), old aggregations as correlations. Run it again
            with the next release: files you changed or deleted stay so. --all takes deprecated and unsupported too,
            --timeframe is for aggregations that name none (default 1h). Exit code 1 when something was refused
  coverage  each rule ready, waiting, blind or refused by the events of a running node since --since (default now-7d), or
            of --file (ECS events or log lines); --attack counts by technique instead. Exit code 1 when a rule is blind
            or refused
  explain   RULE is an id, a name, a title or a file; EVENT a file with one event or line, '-', or an event id of a
            running node. Exit code 1 when it does not match

  --output text|json  for people or for programs (default: text on a terminal)
${ruleUsage}
  --dataset D       which pack a log line belongs to
${clientUsage}`,
  async run(args) {
    const { values, positionals } = parse(args)
    const [what, ...paths] = positionals
    const run = what !== undefined && Object.hasOwn(commands, what) ? commands[what] : undefined
    if (!run)
      throw new PipelineError('USAGE', {
        problem: `rules knows ${Object.keys(commands).join(', ')}, not '${what ?? ''}'`,
        command: 'rules',
      })
    return run(paths, values)
  },
}

const outputs = ['text', 'json', 'junit']
function outputOf({ output }: Values): string {
  if (output === undefined) return isTerminal() ? 'text' : 'json'
  if (!outputs.includes(output))
    throw new PipelineError('USAGE', {
      problem: `--output is ${outputs.join(', ')}, not '${output}'`,
      command: 'rules',
    })
  return output
}

const say = (line: string) => console.log(safe(line))

async function writeAll(answers: Iterable<unknown>): Promise<void> {
  const out = new NdjsonWriter()
  for (const answer of answers) await out.write(answer)
  await out.flush()
}

const commands: Record<string, (paths: string[], values: Values) => Promise<number>> = {
  async ls(paths, values) {
    const { loaded } = loadRuleSet(paths.length > 0 ? { rules: paths } : pathsOf(values, []))
    await writeAll(
      [...loaded.rules, ...loaded.correlations].map((rule) => {
        const { id, title, level, tags, file, line } = rule
        return { id, title, level, kind: 'type' in rule ? rule.type : 'event', tags, file, line }
      }),
    )
    return 0
  },

  async lint(paths, values) {
    const of = pathsOf(values, paths)
    const { loaded, refusedExceptions } = loadRuleSet(paths.length > 0 ? { ...of, rules: paths } : of)
    for (const one of loaded.refused) say(`${placeOf(one)}: refused: ${one.reason}`)
    for (const one of refusedExceptions) say(`${placeOf(one)}: exception refused: ${one.reason}`)
    for (const one of loaded.notes) say(`${placeOf(one)}: note: ${one.text}`)
    const refused = loaded.refused.length + refusedExceptions.length
    console.error(`${loaded.rules.length} rules, ${loaded.correlations.length} correlations, ${refused} refused`)
    return refused > 0 ? 1 : 0
  },

  async test(paths, values) {
    const { results, untested } = testRules(paths, values)
    const failed = results.filter(({ failure }) => failure)
    if (values.output === 'junit') console.log(junit(results))
    else if (outputOf(values) === 'json') await writeAll(results)
    else
      for (const { file, rule, name, failure } of failed) {
        say(`✗ ${file}: ${rule}: ${name}`)
        for (const line of failure ?? []) say(`    ${line}`)
      }
    if (values.output !== 'junit') for (const one of untested) console.error(safe(`${one}: carries no test`))
    console.error(`${results.length - failed.length} of ${results.length} good`)
    return failed.length > 0 ? 1 : 0
  },

  async import([from, ...more], values) {
    if (from === undefined || more.length > 0)
      throw new PipelineError('USAGE', { problem: 'import takes one folder or archive', command: 'rules' })
    const { into, all, timeframe } = values
    const done = importRules({ from, into, all, timeframe, dryRun: values['dry-run'] })
    const counts: Record<string, number> = {}
    for (const { did } of done) counts[did] = (counts[did] ?? 0) + 1
    if (outputOf(values) === 'json') await writeAll(done)
    else
      for (const { file, did, line, reason } of done)
        if (reason !== undefined) say(`${placeOf({ file, line })}: ${did}: ${reason}`)
    console.error(
      `${into}: ${Object.entries(counts)
        .map(([did, count]) => `${count} ${did}`)
        .join(', ')}`,
    )
    return counts['refused'] ? 1 : 0
  },

  async coverage(paths, values) {
    const { file, dataset, since } = values
    const answers = await coverRules(paths, values, { file, dataset, since, client: () => openClient(values) })
    const wrong = answers.filter(({ state }) => state === 'blind' || state === 'refused')
    if (values.attack) {
      const techniques = byTechnique(answers)
      if (outputOf(values) === 'json') await writeAll(techniques)
      else
        for (const { technique, ready, waiting, blind } of techniques)
          say(`${(technique || 'none').padEnd(12)} ${ready} ready, ${waiting} waiting, ${blind} blind`)
    } else if (outputOf(values) === 'json') await writeAll(answers)
    else
      for (const { state, title, ruleId, reason } of answers)
        if (reason !== '') say(`${state.padEnd(8)} ${title || ruleId}: ${reason}`)
    const count = (state: string) => answers.filter((one) => one.state === state).length
    console.error(['ready', 'waiting', 'blind', 'refused'].map((state) => `${count(state)} ${state}`).join(', '))
    return wrong.length > 0 ? 1 : 0
  },

  async explain([rule, event, ...more], values) {
    if (rule === undefined || event === undefined || more.length > 0)
      throw new PipelineError('USAGE', { problem: 'explain takes a rule and an event', command: 'rules' })
    const answers = await explainEvent(rule, event, values, () => openClient(values))
    if (outputOf(values) === 'json') await writeAll(answers)
    else
      for (const answer of answers) {
        for (const line of explainLines(answer, answer.title)) say(line)
        for (const exception of answer.excepted) say(`  but the exception '${exception}' holds: it alerts nobody`)
      }
    return answers.some(({ matched }) => matched) ? 0 : 1
  },
}
