// haetae rules: what is loaded, and whether it is right.

import { parseArgs } from 'node:util'
import { PipelineError } from '../core/errors.ts'
import { loadRules } from '../correlator/sigma/load.ts'
import type { Command } from './command.ts'
import { NdjsonWriter } from './lines.ts'
import { ownRules } from './own-files.ts'
import { safe } from './terminal.ts'

export const command: Command = {
  summary: 'list or check rules: rules ls, rules lint',
  usage: `haetae rules ls [PATH]...
haetae rules lint [PATH]...

  ls     every rule and correlation of the paths (default: our own), one a line
  lint   what cannot be used and what a reader should know; exit code 1 when a rule is refused`,
  async run(args) {
    const { positionals } = parseArgs({ args: [...args], allowPositionals: true })
    const [what, ...paths] = positionals
    const loaded = loadRules(paths.length > 0 ? paths : [ownRules])
    const place = (file: string, line?: number) => safe(line ? `${file}:${line}` : file)
    if (what === 'ls') {
      const out = new NdjsonWriter()
      for (const rule of [...loaded.rules, ...loaded.correlations]) {
        const { id, title, level, tags, file, line } = rule
        await out.write({ id, title, level, kind: 'type' in rule ? rule.type : 'event', tags, file, line })
      }
      await out.flush()
      return 0
    }
    if (what === 'lint') {
      for (const { file, line, reason } of loaded.refused) console.log(`${place(file, line)}: refused: ${safe(reason)}`)
      for (const { file, line, text } of loaded.notes) console.log(`${place(file, line)}: note: ${safe(text)}`)
      console.error(
        `${loaded.rules.length} rules, ${loaded.correlations.length} correlations, ${loaded.refused.length} refused`,
      )
      return loaded.refused.length > 0 ? 1 : 0
    }
    throw new PipelineError('USAGE', { problem: `rules knows ls and lint, not '${what ?? ''}'`, command: 'rules' })
  },
}
