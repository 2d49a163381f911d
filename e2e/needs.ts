// What a test needs of the machine. Missing things skip their tests loudly, by name, with the line that installs them;
// HAETAE_REQUIRE_ALL=1 turns every skip into a failure (scripts/require-all.ts).

import { spawnSync } from 'node:child_process'

const programs = {
  chromium: 'apt-get install chromium',
  rsyslogd: 'apt-get install rsyslog',
  logger: 'apt-get install bsdutils',
  curl: 'apt-get install curl',
} as const

/** Whether every program is there; says what is missing and how to get it. */
export function has(...names: (keyof typeof programs)[]): boolean {
  const missing = names.filter((name) => spawnSync('sh', ['-c', `command -v ${name}`]).status !== 0)
  for (const name of missing) console.warn(`${name} is missing, its tests are skipped; install it: ${programs[name]}`)
  return missing.length === 0
}
