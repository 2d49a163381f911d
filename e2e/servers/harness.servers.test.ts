import { expect, inject, test } from 'vitest'

const elasticsearch = inject('elasticsearch')

test.skipIf(!elasticsearch)('Elasticsearch answers', async () => {
  const health = (await (await fetch(`${elasticsearch}/_cluster/health`)).json()) as { status: string }
  expect(['green', 'yellow']).toContain(health.status)
})
