// An exception from an alert on a running node: what it is for alerts no more, is counted, and comes back when it ends.

import { connect } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { ExceptionsOutput, WireException } from '../core/api.ts'
import { startNode, type TestNode, tempDir, until } from './running-node.ts'

/** A new account on a host, now. */
async function send(node: TestNode, ...hosts: string[]): Promise<void> {
  const socket = connect(node.syslogPort, '127.0.0.1')
  const time = new Date().toISOString()
  const lines = hosts.map(
    (host, i) =>
      `<86>1 ${time} ${host} useradd ${900 + i} - - new user: name=app${i}, UID=1099, GID=1099, home=/home/app, shell=/bin/bash\n`,
  )
  await new Promise<void>((resolve, reject) => socket.on('error', reject).end(lines.join(''), () => resolve()))
}

test('an exception made from an alert stops it, is counted, survives a restart, and ends when told', async () => {
  const dataDir = join(tempDir(), 'data')
  let node = await startNode({ dataDir })
  const alertsOf = async (host: string) =>
    (await node.alerts()).filter(
      ({ title, entities }) => title === 'A local account was created' && entities['host.name']?.includes(host),
    )
  const list = async () => (await (await node.client.get('/v1/exceptions')).json()) as ExceptionsOutput
  const matches = async () => (await list()).exceptions[0]?.matches ?? 0

  await send(node, 'build-1')
  const [alert] = await until(
    () => alertsOf('build-1'),
    (found) => found.length === 1,
    20_000,
  )
  const body = { fields: { 'host.name': ['build-1', 'build-2'] }, reason: 'image builds', until: 'now+90d' }
  await expect(node.client.post(`/v1/alerts/${alert?.id}/exception`, { ...body, fields: {} })).rejects.toThrow(
    'name a field',
  )
  const made = await node.client.post<WireException>(`/v1/alerts/${alert?.id}/exception`, body)
  expect(made).toMatchObject({ state: 'active', rules: [{ title: 'A local account was created' }], matches: 0 })

  // It begins a moment later; from then on the excepted hosts are counted and others still alert.
  await until(
    async () => {
      if (Date.now() > (made.from ?? 0)) await send(node, 'build-2', 'web-9')
      return matches()
    },
    (count) => count > 0,
    30_000,
  )
  await until(
    () => alertsOf('web-9'),
    (found) => found.length === 1,
    20_000,
  )
  expect(await alertsOf('build-2')).toEqual([])
  const { lastEventId } = (await list()).exceptions[0] as WireException
  expect((await node.search('host.name:build-2')).map(({ id }) => id)).toContain(lastEventId)

  expect(await node.stop()).toBe(0)
  node = await startNode({ dataDir })
  await send(node, 'build-2')
  await until(matches, (count) => count > 0, 20_000)
  expect(await alertsOf('build-2')).toEqual([])

  expect(await node.client.post<WireException>(`/v1/exceptions/${made.id}/end`, {})).toMatchObject({ state: 'expired' })
  await until(
    async () => {
      await send(node, 'build-2')
      return alertsOf('build-2')
    },
    (found) => found.length === 1,
    30_000,
  )
  expect((await list()).exceptions).toMatchObject([{ id: made.id, state: 'expired' }])
  expect(await node.stop()).toBe(0)
})
