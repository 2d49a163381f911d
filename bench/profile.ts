// Sums V8 CPU profiles by the part of the project the time was spent in (self time).

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: { readonly url: string; readonly functionName: string }
  }[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

const root = new URL('..', import.meta.url).href

/** Part of the project, or function in it -> milliseconds of self time, greatest first. Idle time is left out. */
export function sumProfiles(dir: string, by: 'part' | 'function' = 'part'): [string, number][] {
  const nameOf = by === 'part' ? part : functionOf
  const byPart = new Map<string, number>()
  for (const name of readdirSync(dir).filter((file) => file.endsWith('.cpuprofile'))) {
    const profile = JSON.parse(readFileSync(join(dir, name), 'utf8')) as CpuProfile
    const partOf = new Map(profile.nodes.map((node) => [node.id, nameOf(node.callFrame)]))
    profile.samples.forEach((id, i) => {
      const where = partOf.get(id) ?? ''
      if (where !== '') byPart.set(where, (byPart.get(where) ?? 0) + (profile.timeDeltas[i] ?? 0) / 1000)
    })
  }
  return [...byPart].sort((a, b) => b[1] - a[1])
}

function functionOf(frame: { readonly url: string; readonly functionName: string }): string {
  const file = frame.url.startsWith(root) ? frame.url.slice(root.length) : part(frame)
  return part(frame) === '' ? '' : `${file} ${frame.functionName || '(anonymous)'}`
}

function part({ url, functionName }: { readonly url: string; readonly functionName: string }): string {
  if (functionName === '(idle)') return ''
  if (functionName === '(garbage collector)') return 'garbage collection'
  if (url.startsWith(root)) {
    const [first = '', second = ''] = fileURLToPath(url).slice(fileURLToPath(root).length).split('/')
    if (first === 'node_modules') return `node_modules/${second}`
    return second && !second.endsWith('.ts') ? `${first}/${second}` : first
  }
  return url.startsWith('node:') ? 'node runtime' : 'native and engine'
}
