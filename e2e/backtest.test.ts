// History and live are one: what a node alerted on is what a backtest over its ledger alerts on, to the byte. And what an
// edit would change is told before it is made.

import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { playDemo } from '../cli/demo.ts'
import type { Alert } from '../core/detect.ts'
import { root, startNode, tempDir, until } from './running-node.ts'

interface Line {
  readonly change?: string
  readonly alert: Alert
  readonly before?: Alert
  readonly closed?: string
  readonly truePositive?: boolean
}

function haetae(...args: string[]): Promise<{ code: number; lines: Line[]; stderr: string }> {
  return new Promise((resolve) => {
    execFile(join(root, 'bin/haetae'), args, { maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      const lines = stdout.split('\n').filter(Boolean)
      resolve({ code: Number(error?.code ?? 0), lines: lines.map((line) => JSON.parse(line) as Line), stderr })
    })
  })
}

test('a backtest tells what the node told, and what an edit would change', async () => {
  const dir = tempDir()
  const dataDir = join(dir, 'data')
  const node = await startNode({ dataDir })
  await playDemo({
    syslogPort: node.syslogPort,
    httpAddress: node.address,
    now: Date.now,
    signal: AbortSignal.timeout(60_000),
    speed: 20,
  })
  const stands = async () => (await node.alerts()).filter(({ state }) => state !== 'withdrawn')
  const byId = (alerts: readonly Alert[]) => alerts.map(({ id, digest, count }) => `${id} ${digest} ${count}`).sort()
  const asked = ['--data', dataDir, '--address', node.address]
  // Both are asked until they agree: the last alerts may still be on their way to the book.
  const [live, past] = await until(
    async () => [await stands(), (await haetae('backtest', '--since', '1h', ...asked)).lines] as const,
    ([a, b]) => a.length > 5 && JSON.stringify(byId(a)) === JSON.stringify(byId(b.map(({ alert }) => alert))),
    60_000,
  )
  for (const { alert } of past) {
    const {
      state: _s,
      revision: _r,
      supersedes: _u,
      status: _t,
      updatedAt: _a,
      history: _h,
      ...told
    } = live.find(({ id }) => id === alert.id) as unknown as Alert & Record<string, unknown>
    expect(alert).toEqual(told)
  }

  // One of ours, edited so that what it found is found no more, and one that finds something new.
  const edits = join(dir, 'edits')
  mkdirSync(edits)
  const name = 'linux/cron_table_replaced.yml'
  const found = live.find(({ title }) => title === 'A crontab was replaced')
  expect(found).toBeDefined()
  cpSync(join(root, 'correlator/rules', name), join(edits, 'crontab.yml'))
  const text = readFileSync(join(edits, 'crontab.yml'), 'utf8')
  writeFileSync(
    join(edits, 'crontab.yml'),
    text.replace('  selection:\n', '  selection:\n    user.name: nobody-at-all\n'),
  )
  writeFileSync(
    join(edits, 'new.yml'),
    `title: A disconnect
id: 11112222-3333-4444-8555-666677778888
logsource: {product: linux, service: sshd}
detection:
  selection: {'message|contains': Disconnected}
  condition: selection
`,
  )
  await node.client.post(`/v1/alerts/${found?.id}/status`, { status: 'closed', reason: 'true positive, CASE-7' })
  const diff = await haetae('backtest', edits, '--since', '1h', '--against', 'present', ...asked)
  expect(diff.lines.map(({ change, alert }) => [change, alert.title])).toEqual([
    ['new', 'A disconnect'],
    ['gone', 'A crontab was replaced'],
  ])
  expect(diff.lines[1]).toMatchObject({ truePositive: true, closed: 'true positive, CASE-7' })
  expect(diff.code).toBe(1)
  expect(diff.stderr).toContain('1 new, 1 gone, 0 changed, 0 same')

  // An exception made from the same event stops the alert in the past as it would now.
  mkdirSync(join(dataDir, 'exceptions'), { recursive: true })
  writeFileSync(
    join(dataDir, 'exceptions/cron.yml'),
    `exception:
  rules: [${found?.ruleId}]
  owner: kim
  reason: the rollout
  until: 2100-01-01
  rollout: {host.name: bastion-1}
  condition: rollout
`,
  )
  const rule = join(root, 'correlator/rules', name)
  const excepted = await haetae('backtest', rule, '--since', '1h', ...asked)
  expect(excepted.lines).toEqual([])
  expect(excepted.stderr).toContain('held for 1')
  expect(await node.stop()).toBe(0)
}, 600_000) // each command loads every rule and pack anew
