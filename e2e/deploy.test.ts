// The configuration of the Helm chart in a real process, and the script of `helm test` against it.

import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { root, startNode, type TestNode } from './running-node.ts'

const tokens = { HAETAE_INGEST_TOKEN: 'token-of-the-senders', HAETAE_METRICS_TOKEN: 'token-of-the-scraper' }
let dir = ''
let node: TestNode

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'haetae-deploy-'))
  const rendered = parseAllDocuments(readFileSync(join(root, 'deploy/helm/rendered/single.yaml'), 'utf8'))
  const map = rendered.map((doc) => doc.toJS()).find(({ kind }) => kind === 'ConfigMap')
  const config = join(dir, 'haetae.yaml')
  writeFileSync(config, map.data['haetae.yaml'].replaceAll('host: 0.0.0.0', 'host: 127.0.0.1'))
  node = await startNode({ dataDir: join(dir, 'data'), args: ['--config', config, '--role', 'all'], env: tokens })
})
afterAll(async () => {
  await node?.stop()
  rmSync(dir, { recursive: true, force: true })
})

function helmTest(given: Partial<Record<'INGEST_TOKEN' | 'METRICS_TOKEN' | 'STORES', string>> = {}) {
  const env = {
    TAKES: node.address,
    STORES: node.address,
    INGEST_TOKEN: tokens.HAETAE_INGEST_TOKEN,
    METRICS_TOKEN: tokens.HAETAE_METRICS_TOKEN,
    ...given,
  }
  return new Promise<{ failed: boolean; said: string }>((resolve) =>
    execFile(process.execPath, [join(root, 'deploy/helm/haetae/files/test.mjs')], { env }, (error, stdout, stderr) =>
      resolve({ failed: error !== null, said: stdout + stderr }),
    ),
  )
}

test('a release that works passes, and its line is found', async () => {
  const { failed, said } = await helmTest()
  expect(said).toContain('good: events are stored')
  expect(failed).toBe(false)
  expect((await node.search('"helm test"')).length).toBe(1)
})

test.each([
  ['a wrong token of senders', { INGEST_TOKEN: 'not-the-one-it-is' }, 'a line is taken: HTTP 401'],
  ['a wrong token of the scraper', { METRICS_TOKEN: 'not-the-one-it-is' }, 'metrics: HTTP 401'],
  ['a node that is not there', { STORES: 'http://127.0.0.1:1' }, 'fetch failed'],
])('%s fails', async (_why, given, words) => {
  const { failed, said } = await helmTest(given)
  expect(failed).toBe(true)
  expect(said).toContain(words)
})
