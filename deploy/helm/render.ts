// Renders the chart for review, and for those who do not use Helm:
//   node scripts/run.mjs node deploy/helm/render.ts        helm on the PATH, or its path in HELM
// Tests read what it wrote; the fingerprint in it tells whether the chart has changed since.

import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { globSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const here = import.meta.dirname
export const modes = ['single', 'full'] as const
export type Mode = (typeof modes)[number]

export const renderedPath = (mode: Mode) => join(here, 'rendered', `${mode}.yaml`)

/** Of the chart's files and of the values this mode is rendered with. */
export function fingerprint(mode: Mode): string {
  const hash = createHash('sha256')
  const files = globSync('haetae/**/*', { cwd: here })
    .filter((file) => statSync(join(here, file)).isFile())
    .sort()
  for (const file of [...files, `rendered/${mode}.values.yaml`]) {
    const bytes = readFileSync(join(here, file))
    hash.update(`${file.replaceAll('\\', '/')} ${bytes.length}\n`).update(bytes)
  }
  return hash.digest('hex')
}

/** @returns undefined where there is no helm */
export function render(mode: Mode, extra: readonly string[] = []): { text: string; error: string } | undefined {
  const helm = process.env['HELM'] || 'helm'
  const release = ['template', 'haetae', join(here, 'haetae'), '--namespace', 'haetae', '--kube-version', '1.32.0']
  const values = ['--values', join(here, 'rendered', `${mode}.values.yaml`)]
  const done = spawnSync(helm, [...release, ...values, ...extra], { encoding: 'utf8' })
  return done.error ? undefined : { text: done.stdout, error: done.status === 0 ? '' : done.stderr }
}

if (import.meta.main) {
  for (const mode of modes) {
    const made = render(mode)
    if (!made || made.error) throw new Error(made?.error || 'there is no helm on the PATH; name one in HELM')
    const text = made.text.replace(/[ \t]+$/gm, '')
    writeFileSync(renderedPath(mode), `# Written by deploy/helm/render.ts; chart ${fingerprint(mode)}\n${text}`)
  }
}
