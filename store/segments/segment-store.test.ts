import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { Counters } from '../../core/counters.ts'
import { storeContract } from '../store.contract.ts'
import { openSegmentStore } from './segment-store.ts'

const root = mkdtempSync(join(tmpdir(), 'haetae-segments-'))
let number = 0
const fresh = () => ({ dir: join(root, String(number++)), counters: new Counters() })
afterAll(() => rmSync(root, { recursive: true }))

storeContract('inline', () => openSegmentStore({ ...fresh(), inline: true }))
// Small blocks and segments, so that a few events cross every boundary.
storeContract('inline, small blocks', () =>
  openSegmentStore({ ...fresh(), inline: true, blockRows: 16, sealRows: 200, cacheBytes: 100_000 }),
)
