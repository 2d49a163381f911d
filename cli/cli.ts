// The command line, run by bin/haetae: picks a command, turns errors into words and an exit code.
// 0 good, 1 found something or failed, 2 usage, 78 bad configuration (sysexits EX_CONFIG).

import { describe, isPipelineError } from '../core/errors.ts'
import type { Command } from './command.ts'

const commands: Record<string, () => Promise<{ command: Command }>> = {
  start: () => import('./start.ts'),
  parse: () => import('./parse.ts'),
  detect: () => import('./detect.ts'),
  search: () => import('./search.ts'),
  tail: () => import('./tail.ts'),
  export: () => import('./export.ts'),
  query: () => import('./query.ts'),
  link: () => import('./link.ts'),
  reparse: () => import('./reparse.ts'),
  validate: () => import('./validate.ts'),
  grok: () => import('./grok.ts'),
  rules: () => import('./rules.ts'),
  backtest: () => import('./backtest.ts'),
  bus: () => import('./bus.ts'),
  store: () => import('./store.ts'),
  unseal: () => import('./unseal.ts'),
}

/** @param argv the words after `haetae` */
export async function runCli(argv: readonly string[]): Promise<number> {
  const [name = 'help', ...args] = argv
  if (name === 'help' || name === '--help' || name === '-h') return help()
  if (name === '--version') {
    const { version } = await import('./version.ts')
    console.log(version)
    return 0
  }
  const load = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (!load) {
    const { nearest } = await import('../core/config.ts')
    const near = nearest(name, Object.keys(commands))
    console.error(`haetae: no command '${name}'${near ? `; did you mean '${near}'?` : ''}; see 'haetae --help'`)
    return 2
  }
  const { command } = await load()
  if (args.includes('--help') || args.includes('-h')) {
    console.log(`haetae ${name}: ${command.summary}\n\n${command.usage}`)
    return 0
  }
  try {
    return await command.run(args)
  } catch (error) {
    if (isUsageError(error)) {
      console.error(`haetae ${name}: ${describe(error)}\n\n${command.usage}`)
      return 2
    }
    console.error(`haetae ${name}: ${describe(error)}`)
    return isPipelineError(error, 'CONFIG_INVALID') ? 78 : 1
  }
}

/** Unknown flags of node:util parseArgs, or our own USAGE. */
function isUsageError(error: unknown): boolean {
  const code = (error as { code?: unknown })?.code
  return code === 'USAGE' || (typeof code === 'string' && code.startsWith('ERR_PARSE_ARGS'))
}

async function help(): Promise<number> {
  console.log('haetae <command> [options]\n')
  for (const [name, load] of Object.entries(commands)) {
    console.log(`  ${name.padEnd(10)}${(await load()).command.summary}`)
  }
  console.log("\n'haetae <command> --help' tells the options. Answers are NDJSON on a pipe, readable on a terminal.")
  console.log('Exit codes: 0 good, 1 found something or failed, 2 usage, 78 bad configuration.')
  return 0
}

if (import.meta.main) process.exitCode = await runCli(process.argv.slice(2))
