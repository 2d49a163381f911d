import { defineConfig } from 'vitest/config'
import { RequireAll } from './scripts/require-all.ts'

// Two projects: unit tests beside their files, and e2e on the real process (slow, one after the other).
export default defineConfig({
  test: {
    reporters: ['default', new RequireAll()],
    projects: [
      {
        test: {
          name: 'unit',
          include: ['{core,ingest,bus,parsers,correlator,store,compliance,api,cli,web,bench,scripts}/**/*.test.ts'],
          testTimeout: 20_000,
          pool: 'forks',
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['e2e/**/*.test.ts'],
          testTimeout: 180_000,
          hookTimeout: 120_000,
          fileParallelism: false,
          pool: 'forks',
        },
      },
    ],
  },
})
