// The contract again, with the store on its own thread.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { Counters } from '../../core/counters.ts'
import { storeContract } from '../store.contract.ts'
import { openSegmentStore } from './segment-store.ts'

const root = mkdtempSync(join(tmpdir(), 'haetae-worker-'))
let number = 0
const fresh = () => ({ dir: join(root, String(number++)), counters: new Counters() })
afterAll(() => rmSync(root, { recursive: true }))

storeContract('on its thread', () => openSegmentStore({ ...fresh(), blockRows: 64, sealRows: 500 }))
