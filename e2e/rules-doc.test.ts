// docs/rules.md is followed to the letter: every file it shows is written, every command it shows is run, in order.

import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { root, tempDir } from './running-node.ts'

/** What each command must say, in the document's order; a command that is not here must only succeed. */
const expected: Record<string, RegExp> = {
  'haetae rules lint my/rules': /1 rules, 0 correlations, 0 refused/,
  'haetae rules test my/rules': /3 of 3 good/,
  'haetae rules explain my/rules/vault_opened.yml my/line --lists my/lists --output text || true':
    /✓ operators: user\.name is "olivia" {3}\(the event has "olivia"\)/,
  'haetae validate --config my/haetae.yaml': /good/,
  'haetae rules coverage my/rules --config my/haetae.yaml --file my/line --output text': /1 ready, 0 waiting, 0 blind/,
  'haetae backtest my/rules --config my/haetae.yaml --file my/line --output text': /1 records, 0 matches, 0 alerts/,
  'haetae backtest my/edit --config my/haetae.yaml --file my/line --against present --output text':
    /0 new, 0 gone, 0 changed, 0 same/,
  'haetae rules lint my/rules --config my/haetae.yaml': /0 refused/,
  'haetae rules test my/rules --config my/haetae.yaml': /3 of 3 good/,
  'haetae rules import my/edit --into my/imported': /1 added/,
}

test('the page about rules can be followed as it stands', () => {
  const dir = tempDir()
  const text = readFileSync(join(root, 'docs/rules.md'), 'utf8')
  const blocks = [...text.matchAll(/^```(\w+)(?: file=(\S+))?\n([\s\S]*?)^```$/gm)]
  const seen = new Set<string>()
  for (const [, language, file, body = ''] of blocks) {
    if (file !== undefined) {
      mkdirSync(dirname(join(dir, file)), { recursive: true })
      writeFileSync(join(dir, file), body)
      continue
    }
    if (language !== 'sh') continue
    for (const command of body.trim().split('\n')) {
      // Both streams: what people are told beside the answers goes to standard error.
      const said = execFileSync('/bin/sh', ['-c', `{ ${command.replace(/^haetae/, '"$HAETAE"')}; } 2>&1`], {
        cwd: dir,
        encoding: 'utf8',
        env: { ...process.env, HAETAE: join(root, 'bin/haetae') },
      })
      const wanted = expected[command]
      if (command.startsWith('haetae')) expect(wanted, `what should '${command}' say?`).toBeDefined()
      if (wanted) expect(said, command).toMatch(wanted)
      seen.add(command)
    }
  }
  for (const command of Object.keys(expected)) expect(seen, 'shown in the document').toContain(command)
}, 600_000) // each command loads every rule and pack anew
