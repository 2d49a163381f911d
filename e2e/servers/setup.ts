// Before the tests of the project `servers`: real Kafka and real Elasticsearch, or the ones HAETAE_TEST_KAFKA (host:port)
// and HAETAE_TEST_ELASTICSEARCH (URL) name. What cannot be had skips its tests, loudly; with HAETAE_REQUIRE_ALL=1 it fails.

import type { TestProject } from 'vitest/node'
import { startElasticsearch } from './elasticsearch-server.ts'
import { fetchServers, Missing } from './fetch.ts'
import { startKafka } from './kafka-server.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** host:port, '' where there is none */
    kafka: string
    /** The same broker behind SASL/PLAIN; '' where it is the user's own. */
    kafkaSasl: string
    /** URL, '' where there is none */
    elasticsearch: string
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const given = {
    kafka: process.env['HAETAE_TEST_KAFKA'] ?? '',
    elasticsearch: process.env['HAETAE_TEST_ELASTICSEARCH'] ?? '',
  }
  const started: { stop(): Promise<void> }[] = []
  let kafkaSasl = process.env['HAETAE_TEST_KAFKA_SASL'] ?? ''
  try {
    if (!given.kafka || !given.elasticsearch) {
      const files = fetchServers()
      if (!given.kafka) {
        const kafka = await startKafka(files)
        started.push(kafka)
        given.kafka = kafka.address
        kafkaSasl = kafka.saslAddress
      }
      if (!given.elasticsearch) {
        const elasticsearch = await startElasticsearch(files)
        started.push(elasticsearch)
        given.elasticsearch = elasticsearch.address
      }
    }
  } catch (error) {
    for (const server of started) await server.stop()
    if (!(error instanceof Missing) || process.env['HAETAE_REQUIRE_ALL'] === '1') throw error
    console.warn(`tests against real servers are skipped: ${error.message}`)
    given.kafka = given.elasticsearch = ''
    started.length = 0
  }
  project.provide('kafka', given.kafka)
  project.provide('kafkaSasl', kafkaSasl)
  project.provide('elasticsearch', given.elasticsearch)
  return async () => {
    for (const server of started.reverse()) await server.stop()
  }
}
