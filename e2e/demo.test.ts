// What `start --demo` replays must tell its story: every step of the attack raises its alert.

import { join } from 'node:path'
import { expect, test } from 'vitest'
import { playDemo } from '../cli/demo.ts'
import { startNode, tempDir, until } from './running-node.ts'

test('the demo raises an alert for each step of its attack', async () => {
  const node = await startNode({ dataDir: join(tempDir(), 'data') })
  const { address: httpAddress, syslogPort } = node
  await playDemo({ syslogPort, httpAddress, now: Date.now, signal: AbortSignal.timeout(60_000), speed: 20 })
  const steps = [
    'SSH password guessing from one address',
    'SSH login after a burst of failures',
    'A root shell was opened with sudo',
    'A local account was created',
    'A crontab was replaced',
    'A service account runs a command inside a pod',
    'Secrets are listed by a person',
  ]
  const alerts = await until(
    () => node.alerts(),
    (all) => steps.every((title) => all.some((alert) => alert.title === title)),
    10_000,
  )
  const guessed = alerts.find((alert) => alert.title === 'SSH login after a burst of failures')
  expect(guessed?.entities['source.ip']).toEqual(['203.0.113.77'])
  // One cause, one alert: the account that signs in again and again is told once, with every event; a guess that sshd
  // writes two lines about is one.
  await until(
    () => node.alerts(),
    (all) => {
      const internet = all.filter(({ title }) => title === 'An account of the cluster signs in from the internet')
      return internet.length === 1 && (internet[0]?.count ?? 0) > 5
    },
    20_000,
  )
  const stand = (await node.alerts()).filter(({ state }) => state !== 'withdrawn')
  const told = stand.map(({ title }) => title)
  expect(told.filter((title, i) => told.indexOf(title) !== i)).toEqual([])
  expect(stand.find(({ title }) => title === 'SSH password guessing from one address')?.count).toBe(12)
  expect(await node.search('event.kind:pipeline_error')).toEqual([])
  expect(await node.stop()).toBe(0)
})
