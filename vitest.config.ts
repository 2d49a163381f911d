import { defineConfig } from 'vitest/config'
import { RequireAll } from './scripts/require-all.ts'

// Three projects: unit tests beside their files, e2e on the real process (slow, one after the other), and servers: what
// needs a real Kafka or Elasticsearch (`npm run test:servers` fetches and starts them).
export default defineConfig({
  test: {
    reporters: ['default', new RequireAll()],
    projects: [
      {
        test: {
          name: 'unit',
          include: [
            '{core,ingest,bus,parsers,correlator,store,compliance,api,cli,web,bench,scripts,deploy}/**/*.test.ts',
          ],
          exclude: ['**/*.servers.test.ts', '**/node_modules/**'],
          testTimeout: 20_000,
          pool: 'forks',
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['e2e/**/*.test.ts'],
          exclude: ['**/*.servers.test.ts'],
          testTimeout: 180_000,
          hookTimeout: 120_000,
          fileParallelism: false,
          pool: 'forks',
        },
      },
      {
        test: {
          name: 'servers',
          include: ['{bus,store,e2e}/**/*.servers.test.ts'],
          globalSetup: ['e2e/servers/setup.ts'],
          testTimeout: 180_000,
          hookTimeout: 120_000,
          fileParallelism: false,
          pool: 'forks',
        },
      },
    ],
  },
})
