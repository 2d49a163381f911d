// haetae validate: configuration and the files it names, packs with their golden lines, rules. 0 good, 1 a pack or a rule
// is wrong, 78 bad configuration.

import { existsSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { readLegalHolds } from '../api/query/legal-holds.ts'
import { type Config, loadConfig } from '../core/config.ts'
import { describe } from '../core/errors.ts'
import { loadRuleSet } from '../correlator/rule-set.ts'
import { openEnrichment } from '../parsers/enrich/enrich.ts'
import { openMask } from '../parsers/mask/mask.ts'
import { loadPacks, testPack } from '../parsers/packs.ts'
import { createParser } from '../parsers/parser.ts'
import type { Command } from './command.ts'
import { ownPacks, ownRules, packFolders, rulePaths, ruleSetPaths } from './own-files.ts'
import { safe } from './terminal.ts'

type Say = (line: string) => void

export const command: Command = {
  summary: 'check configuration, packs and rules before a start',
  usage: `haetae validate [--config F] [--packs DIR]... [--rules PATH]... [--all]

  --config F    the configuration to check, with what it names: keys of masking, tables and databases of enrichment,
                folders of packs, rules and lists, exceptions
  --packs DIR   more pack folders: each must compile, and turn its golden .log lines into its .ndjson events
  --rules PATH  more rules: each must load
  --all         our own packs and rules too

Exit code 0 when all is good, 1 when a pack or rule is wrong, 78 when the configuration or a file it needs is.`,
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
    const say: Say = (line) => console.log(safe(line))
    const bad = values.config === undefined ? 0 : checkNamed(config, values.config, say)
    const wrong = checkPacks([...values.packs, ...config.packs, ...(values.all ? [ownPacks] : [])], say)
    const wrongRules = checkRules(config, [...values.rules, ...(values.all ? [ownRules] : [])], say)
    if (bad > 0) return 78
    if (values.config) say(`${values.config}: good`)
    return wrong + wrongRules > 0 ? 1 : 0
  },
}

/** Opens what the configuration names, each by itself, so that one mistake hides no other. @returns how many are wrong */
function checkNamed(config: Config, path: string, say: Say): number {
  let bad = 0
  const check = (key: string, what: string, open: () => unknown) => {
    try {
      open()
      say(`${what}: good`)
    } catch (error) {
      say(`${path}: ${key}: ${describe(error)}`)
      bad++
    }
  }
  const { enrich, masking, store } = config
  if (store.hold.length > 0) check('store.hold', 'legal holds', () => readLegalHolds(store.hold))
  const none: Config['enrich'] = { geo: [], tables: [], userAgent: false }
  const ignore = () => {} // what is said of files that are replaced later
  for (const file of enrich.geo) check('enrich.geo', file, () => openEnrichment({ ...none, geo: [file] }, ignore))
  for (const table of enrich.tables)
    check('enrich.tables', table.file, () => openEnrichment({ ...none, tables: [table] }, ignore))
  if (masking) {
    const { sealKeyFile, ...alone } = masking
    check('masking', masking.keyFile, () => openMask(alone))
    if (sealKeyFile !== undefined)
      check('masking.sealKeyFile', sealKeyFile, () => openMask({ ...alone, fields: [], keyFile: sealKeyFile }))
  }
  for (const [key, paths] of [
    ['packs', config.packs],
    ['rules', config.rules],
    ['lists', config.lists],
  ] as const)
    for (const folder of paths)
      if (!existsSync(folder)) {
        say(`${path}: ${key}: ${folder}: no such file or folder`)
        bad++
      }
  return bad
}

function checkPacks(folders: readonly string[], say: Say): number {
  let wrong = 0
  for (const folder of folders) {
    try {
      // The packs under test run together with all others, as they will in the node.
      const parser = createParser({ packs: loadPacks(packFolders(folders.filter(existsSync))), defaultZone: 'UTC' })
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

function checkRules(config: Config, more: readonly string[], say: Say): number {
  const { lists, exceptions } = ruleSetPaths(config)
  const paths = [...config.rules, ...more.filter((path) => path !== ownRules)]
  if (paths.length === 0 && lists.length === 0 && !existsSync(exceptions) && !more.includes(ownRules)) return 0
  const {
    loaded,
    refusedExceptions,
    exceptions: held,
  } = loadRuleSet({
    rules: rulePaths(paths),
    lists: lists.filter(existsSync),
    exceptions,
  })
  for (const { file, line, reason } of [...loaded.refused, ...refusedExceptions])
    say(`${file}${line ? `:${line}` : ''}: ${reason}`)
  for (const { file, line, text } of loaded.notes) say(`note: ${file}${line ? `:${line}` : ''}: ${text}`)
  say(
    `${loaded.rules.length} rules and ${loaded.correlations.length} correlations are good, ${loaded.refused.length} refused` +
      (held.length + refusedExceptions.length > 0
        ? `; ${held.length} exceptions are good, ${refusedExceptions.length} refused`
        : ''),
  )
  return loaded.refused.length + refusedExceptions.length
}
