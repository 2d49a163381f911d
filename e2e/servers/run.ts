// Real servers to work against by hand, until Ctrl-C:
//   node scripts/run.mjs node e2e/servers/run.ts [kafka] [elasticsearch]

import { once } from 'node:events'
import { startElasticsearch } from './elasticsearch-server.ts'
import { fetchServers } from './fetch.ts'
import { startKafka } from './kafka-server.ts'

const wanted = process.argv.slice(2)
const all = wanted.length === 0
const files = fetchServers()
const started: { stop(): Promise<void> }[] = []
if (all || wanted.includes('kafka')) {
  const kafka = await startKafka(files)
  started.push(kafka)
  console.log(`export HAETAE_TEST_KAFKA=${kafka.address}`)
  console.log(`export HAETAE_TEST_KAFKA_SASL=${kafka.saslAddress}`)
}
if (all || wanted.includes('elasticsearch')) {
  const elasticsearch = await startElasticsearch(files)
  started.push(elasticsearch)
  console.log(`export HAETAE_TEST_ELASTICSEARCH=${elasticsearch.address}`)
}
const keepAlive = setInterval(() => {}, 60_000)
await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')])
clearInterval(keepAlive)
for (const server of started.reverse()) await server.stop()
