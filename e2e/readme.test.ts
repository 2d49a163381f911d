// The README's examples, run as they stand there. Only the ports differ: a test must not need free well-known ones.

import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { has } from './needs.ts'
import { root, startNode, type TestNode, tempDir, until } from './running-node.ts'

const readme = readFileSync(join(root, 'README.md'), 'utf8')

/** The fenced block after `<!-- kind: name -->`. */
function block(mark: string): string {
  const found = new RegExp(`<!-- ${mark} -->\\n\`\`\`\\w+\\n([\\s\\S]*?)\`\`\``).exec(readme)?.[1]
  if (found === undefined) throw new Error(`README.md has no block marked ${mark}`)
  return found
}

function shell(script: string, env: Record<string, string> = {}): string {
  const done = spawnSync('sh', ['-c', script], { cwd: root, encoding: 'utf8', env: { ...process.env, ...env } })
  expect(done.stderr).toBe('')
  return done.stdout
}

const answersOf = (output: string) =>
  output
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)

test('parse answers the ten lines as documented', () => {
  const year = new Date().getUTCFullYear()
  const answers = answersOf(shell(block('example: parse')))
  expect(answers.map(({ id }) => id)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  const documented = (n: number) => JSON.parse(block(`answer: parse ${n}`).replace('2026-11', `${year}-11`)) as object
  const first = answers[0]?.['event'] as { '@timestamp': string }
  // The line names no year: the newest one that is not in the future is taken, so the example ages.
  expect({ ...first, '@timestamp': `${year}${first['@timestamp'].slice(4)}` }).toMatchObject(documented(1))
  expect(answers[9]?.['event']).toMatchObject(documented(10))
  const datasets = answers.map(({ event }) => (event as { event: { dataset: string } }).event.dataset)
  expect(new Set(datasets).size).toBeGreaterThan(6)
})

test('detect answers as documented', () => {
  const answers = answersOf(shell(block('example: detect')))
  expect(answers.map(({ title }) => title)).toContain(block('answer: detect').trim())
  expect(answers[0]).toMatchObject({ event: 0, rule: expect.any(String), matched: expect.any(Array) })
})

describe.skipIf(!has('logger', 'curl'))('the tour', () => {
  let node: TestNode
  beforeAll(async () => {
    node = await startNode({ dataDir: join(tempDir(), 'data') })
  })
  afterAll(async () => {
    expect(await node.stop()).toBe(0)
  })

  const here = (script: string) =>
    shell(script.replaceAll('5514', String(node.syslogPort)).replaceAll('http://127.0.0.1:8514', node.address), {
      HAETAE_ADDRESS: node.address,
      HAETAE_DATA: node.dataDir,
    })

  test('a line sent is found', async () => {
    const [send = '', ...find] = block('example: tour').split('\n')
    here(send)
    await until(
      () => node.search('"order 4711"'),
      (hits) => hits.length === 1,
      2000,
    )
    expect(here(find.join('\n'))).toContain('order 4711 placed')
  })

  test('HTTP answers when the lines are on disk', async () => {
    expect(here(block('example: http'))).toBe('{"accepted":1}')
    await until(
      () => node.search('log.level:error and "payment refused"'),
      (hits) => hits.length === 1,
      2000,
    )
  })

  test('the logins raise the alert', async () => {
    here(block('example: alert'))
    await until(
      () => node.alerts(),
      (alerts) => alerts.some((alert) => alert.title === 'SSH login after a burst of failures' && alert.count === 10),
      5000,
    )
  })
})
