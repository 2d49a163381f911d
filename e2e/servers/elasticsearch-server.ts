// A real Elasticsearch node on loopback: a small heap, a port the OS picked, data in a folder of its own. It refuses to
// run as root, so root hands it to `nobody`.

import { chownSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ServerFiles } from './fetch.ts'
import { freePorts, startJava } from './java-process.ts'

const NOBODY = 65534

export interface ElasticsearchServer {
  /** http://host:port */
  readonly address: string
  /** SIGKILL; `start` again goes on with the same data and port. */
  kill(): Promise<void>
  start(): Promise<void>
  /** Stops and removes its data. */
  stop(): Promise<void>
}

export async function startElasticsearch({ javaHome, elasticsearchHome }: ServerFiles): Promise<ElasticsearchServer> {
  const dir = mkdtempSync(join(tmpdir(), 'haetae-elasticsearch-'))
  const config = join(dir, 'config')
  const folders = [config, join(dir, 'data'), join(dir, 'logs'), join(dir, 'tmp')]
  for (const folder of folders) mkdirSync(folder)
  const [port, transportPort] = (await freePorts(2)) as [number, number]
  writeFileSync(
    join(config, 'elasticsearch.yml'),
    `discovery.type: single-node
xpack.security.enabled: false
path.data: ${dir}/data
path.logs: ${dir}/logs
network.host: 127.0.0.1
http.port: ${port}
transport.port: ${transportPort}
`,
  )
  copyFileSync(join(elasticsearchHome, 'config', 'log4j2.properties'), join(config, 'log4j2.properties'))
  const jvm = readFileSync(join(elasticsearchHome, 'config', 'jvm.options'), 'utf8')
  const kept = jvm.split('\n').filter((line) => !/^(#|-Xlog|-XX:(ErrorFile|\+HeapDump))/.test(line))
  writeFileSync(join(config, 'jvm.options'), `${kept.join('\n')}\n-Xms512m\n-Xmx512m\n`)
  const root = process.getuid?.() === 0
  if (root) {
    const files = ['elasticsearch.yml', 'log4j2.properties', 'jvm.options'].map((name) => join(config, name))
    for (const path of [dir, ...folders, ...files]) chownSync(path, NOBODY, NOBODY)
  }
  const options = {
    cwd: dir,
    env: { PATH: process.env['PATH'], ES_JAVA_HOME: javaHome, ES_PATH_CONF: config, ES_TMPDIR: join(dir, 'tmp') },
    ...(root && { uid: NOBODY, gid: NOBODY }),
  }
  const address = `http://127.0.0.1:${port}`
  const start = () =>
    startJava(join(elasticsearchHome, 'bin', 'elasticsearch'), [], options, async () => {
      try {
        const health = await fetch(`${address}/_cluster/health?wait_for_status=yellow&timeout=1s`)
        return health.ok ? true : undefined
      } catch {
        return undefined
      }
    })
  let node = await start()
  return {
    address,
    kill: () => node.kill(),
    async start() {
      node = await start()
    },
    async stop() {
      await node.stop()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}
