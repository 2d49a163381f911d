// haetae grok debug: how far a pattern gets on a line, and what it wanted there.

import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { PipelineError } from '../core/errors.ts'
import { debugGrok } from '../parsers/grok/debug.ts'
import { compileGrok, loadPatternFile } from '../parsers/grok/grok.ts'
import type { Command } from './command.ts'
import { isTerminal, safe } from './terminal.ts'

export const command: Command = {
  summary: 'say where a grok pattern stops on a line: grok debug',
  usage: `haetae grok debug PATTERN LINE [--patterns FILE]... [--legacy] [--anchored start|both|none]

  --patterns FILE   definitions of your own, 'NAME expression' a line; may be repeated
  --legacy          the standard patterns' legacy field names instead of ecs-v1
  --anchored A      where the pattern must match (default none: anywhere, as Logstash does)

On a match the captured event and exit code 0; otherwise the column, the sub-pattern and what it wanted, exit code 1.`,
  async run(args) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        patterns: { type: 'string', multiple: true, default: [] },
        legacy: { type: 'boolean', default: false },
        anchored: { type: 'string', default: 'none' },
      },
    })
    const [what, pattern, line] = positionals
    if (what !== 'debug' || pattern === undefined || line === undefined) {
      throw new PipelineError('USAGE', { problem: 'grok wants: debug PATTERN LINE', command: 'grok' })
    }
    if (values.anchored !== 'start' && values.anchored !== 'both' && values.anchored !== 'none') {
      throw new PipelineError('USAGE', { problem: '--anchored is start, both or none', command: 'grok' })
    }
    const options = {
      patterns: new Map(values.patterns.flatMap((file) => [...loadPatternFile(readFileSync(file, 'utf8'), file)])),
      ecs: !values.legacy,
      anchored: values.anchored,
      place: 'pattern',
    } as const
    const event = compileGrok(pattern, options).match(line)
    if (event) {
      console.log(JSON.stringify(event))
      return 0
    }
    const { column, text, wanted, found, matchedElements, elements } = debugGrok(pattern, line, options)
    if (!isTerminal()) {
      console.log(JSON.stringify({ column, matched: text, wanted, found, matchedElements, elements }))
      return 1
    }
    console.log(safe(line))
    console.log(`${' '.repeat(safe(line.slice(0, column - 1)).length)}^ column ${column}`)
    console.log(`matched: ${safe(text) || '(nothing)'}`)
    if (wanted) console.log(`wanted:  ${wanted.name ? `%{${wanted.name}} = ` : ''}${safe(wanted.source)}`)
    console.log(`found:   ${safe(found) || '(end of line)'}`)
    return 1
  },
}
