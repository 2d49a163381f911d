// The thread that asks patterns where they stopped: it may take its time, and may be ended.

import { parentPort, workerData } from 'node:worker_threads'
import { PackChooser } from '../pack/choose.ts'
import { loadPacks } from '../packs.ts'
import { explainStop, type Question } from './explain.ts'

const packs = loadPacks((workerData as { packs: readonly string[] }).packs)
const choose = new PackChooser(packs)
parentPort?.on('message', (question: Question) => {
  parentPort?.postMessage(explainStop(packs, choose, question) ?? null)
})
