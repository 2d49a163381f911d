// Datagrams that the kernel dropped before we could read them: the last column of /proc/net/udp and /proc/net/udp6.
//
//     sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
//   1234: 0100007F:158A 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 48213 2 00000000 0

import { readFileSync } from 'node:fs'
import { readdir, readlink } from 'node:fs/promises'
import type { Meter } from '../meter.ts'

const tables = ['/proc/net/udp', '/proc/net/udp6']
const LOCAL = 1
const INODE = 9

export interface UdpRow {
  readonly port: number
  readonly inode: string
  readonly drops: number
}

/** Rows of /proc/net/udp; lines of another shape are left out. */
export function parseUdpTable(text: string): UdpRow[] {
  const rows: UdpRow[] = []
  for (const line of text.split('\n').slice(1)) {
    const columns = line.trim().split(/\s+/)
    const port = Number.parseInt(columns[LOCAL]?.split(':')[1] ?? '', 16)
    const drops = Number(columns.at(-1))
    if (columns.length > INODE && Number.isInteger(port) && Number.isInteger(drops)) {
      rows.push({ port, inode: columns[INODE] as string, drops })
    }
  }
  return rows
}

/** The drops of our one socket: of those bound to its port, the one that this process has open. */
export class KernelDrops {
  readonly #table: string
  readonly #inode: string
  readonly #meter: Meter
  #drops = 0

  private constructor(table: string, inode: string, meter: Meter) {
    this.#table = table
    this.#inode = inode
    this.#meter = meter
  }

  /** @returns undefined where there is no /proc: kernel drops are unknown there, not zero */
  static async watch(port: number, meter: Meter): Promise<KernelDrops | undefined> {
    const ours = await ownSockets()
    for (const table of tables) {
      const row = readTable(table).find((row) => row.port === port && ours.has(row.inode))
      if (!row) continue
      const drops = new KernelDrops(table, row.inode, meter)
      meter.gauge('ingest_udp_kernel_drops', () => drops.read())
      return drops
    }
    return undefined
  }

  /** Drops since the socket was opened; what is new since the last look is counted as refused. */
  read(): number {
    const drops = readTable(this.#table).find((row) => row.inode === this.#inode)?.drops ?? this.#drops
    if (drops > this.#drops) this.#meter.refused('kernel_buffer', drops - this.#drops)
    this.#drops = Math.max(drops, this.#drops)
    return this.#drops
  }
}

function readTable(path: string): UdpRow[] {
  try {
    return parseUdpTable(readFileSync(path, 'latin1'))
  } catch {
    return [] // not Linux, or /proc is hidden: watch() answers undefined then
  }
}

async function ownSockets(): Promise<Set<string>> {
  const inodes = new Set<string>()
  const names = await readdir('/proc/self/fd').catch(() => [])
  for (const name of names) {
    const target = await readlink(`/proc/self/fd/${name}`).catch(() => '') // closed in the meantime
    const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1]
    if (inode) inodes.add(inode)
  }
  return inodes
}
