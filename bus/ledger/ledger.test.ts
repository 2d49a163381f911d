import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { busContract } from '../bus.contract.ts'
import { openLedger } from './ledger.ts'

const root = mkdtempSync(join(tmpdir(), 'ledger-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

busContract('ledger', { open: (place) => openLedger({ dir: join(root, place) }) })
// The same with segments so small that nearly every batch has its own.
busContract('ledger of tiny segments', {
  open: (place) => openLedger({ dir: join(root, `tiny-${place}`), segmentBytes: 256, tailCacheBytes: 64 }),
  shorten: async (place) => {
    const ledger = await openLedger({ dir: join(root, `tiny-${place}`), retention: { maxBytes: 600 } })
    await ledger.enforceRetention()
    return ledger
  },
})
