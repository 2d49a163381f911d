// What a figure must stand beside: machine, Node, commit.

import { execFileSync } from 'node:child_process'
import { availableParallelism, cpus, totalmem } from 'node:os'

export function machineLine(): string {
  const git = (...args: string[]) => execFileSync('git', args, { encoding: 'utf8' }).trim()
  let commit = 'no commit'
  try {
    commit = git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain') === '' ? '' : ' with local changes')
  } catch {
    // an unpacked archive has no history; the line says so
  }
  const gib = Math.round(totalmem() / 2 ** 30)
  return `${availableParallelism()} x ${cpus()[0]?.model.trim() ?? 'CPU'}, ${gib} GiB, ${process.platform} ${process.arch}, Node ${process.version}, commit ${commit}`
}
