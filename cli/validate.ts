// haetae validate: configuration, packs with their golden lines, rules. 0 good, 1 a pack or a rule is wrong, 78 bad configuration.

import { parseArgs } from 'node:util'
import { loadConfig } from '../core/config.ts'
import { describe } from '../core/errors.ts'
import { loadRules } from '../correlator/sigma/load.ts'
import { loadPacks, testPack } from '../parsers/packs.ts'
import { createParser } from '../parsers/parser.ts'
import type { Command } from './command.ts'
import { ownPacks, ownRules, packFolders, rulePaths } from './own-files.ts'
import { safe } from './terminal.ts'

export const command: Command = {
  summary: 'check configuration, packs and rules before a start',
  usage: `haetae validate [--config F] [--packs DIR]... [--rules PATH]... [--all]

  --config F    the configuration to check; its packs and rules are checked too
  --packs DIR   more pack folders: each must compile, and turn its golden .log lines into its .ndjson events
  --rules PATH  more rules: each must load
  --all         our own packs and rules too

Exit code 0 when all is good, 1 when a pack or rule is wrong, 78 when the configuration is.`,
  async run(args) {
    const { values } = parseArgs({
      args: [...args],
      options: {
        config: { type: 'string' },
        packs: { type: 'string', multiple: true, default: [] },
        rules: { type: 'string', multiple: true, default: [] },
        all: { type: 'boolean', default: false },
      },
    })
    const config = loadConfig(values.config)
    const say = (line: string) => console.log(safe(line))
    const wrong = checkPacks([...values.packs, ...config.packs, ...(values.all ? [ownPacks] : [])], say)
    const wrongRules = checkRules([...values.rules, ...config.rules, ...(values.all ? [ownRules] : [])], say)
    if (values.config) say(`${values.config}: good`)
    return wrong + wrongRules > 0 ? 1 : 0
  },
}

function checkPacks(folders: readonly string[], say: (line: string) => void): number {
  let wrong = 0
  for (const folder of folders) {
    try {
      // The packs under test run together with all others, as they will in the node.
      const parser = createParser({ packs: loadPacks(packFolders(folders)), defaultZone: 'UTC' })
      for (const pack of loadPacks([folder])) {
        const failures = testPack(parser, pack.file)
        for (const { file, line } of failures)
          say(`${file}:${line}: the line does not become the event in the .ndjson beside it`)
        if (failures.length === 0) say(`${pack.file}: good`)
        wrong += failures.length
      }
    } catch (error) {
      say(describe(error))
      wrong++
    }
  }
  return wrong
}

function checkRules(paths: readonly string[], say: (line: string) => void): number {
  if (paths.length === 0) return 0
  const loaded = loadRules(rulePaths(paths.filter((path) => path !== ownRules)))
  for (const { file, line, reason } of loaded.refused) say(`${file}${line ? `:${line}` : ''}: ${reason}`)
  for (const { file, line, text } of loaded.notes) say(`note: ${file}${line ? `:${line}` : ''}: ${text}`)
  say(
    `${loaded.rules.length} rules and ${loaded.correlations.length} correlations are good, ${loaded.refused.length} refused`,
  )
  return loaded.refused.length
}
