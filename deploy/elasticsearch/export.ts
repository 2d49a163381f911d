// Writes the index templates as the node sends them, for review before a cluster is opened to it:
//   node scripts/run.mjs node deploy/elasticsearch/export.ts && npx biome format --write deploy

import { writeFileSync } from 'node:fs'
import { eventTemplate } from '../../store/elasticsearch/columns.ts'

const defaults = { prefix: 'haetae', shards: 1, replicas: 1 } as const

/** By file name: what a cluster with logsdb is sent, and what one without it takes. */
export const templates: Readonly<Record<string, object>> = {
  'haetae-events.json': eventTemplate({ ...defaults, logsdb: true }),
  'haetae-events.without-logsdb.json': eventTemplate({ ...defaults, logsdb: false }),
}

if (import.meta.main) {
  for (const [name, template] of Object.entries(templates)) {
    writeFileSync(new URL(name, import.meta.url), `${JSON.stringify(template, null, 2)}\n`)
  }
}
