// Fetches what the real servers consist of from Maven Central, once per machine, and finds the Java to run them.

import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const pom = fileURLToPath(new URL('pom.xml', import.meta.url))

/** Elasticsearch 9.5 needs 21; the same Java runs Kafka, which needs 17. */
const JAVA_AT_LEAST = 21

export interface ServerFiles {
  readonly javaHome: string
  /** Folder of every jar Kafka needs. */
  readonly kafkaJars: string
  readonly elasticsearchHome: string
}

/** What is missing, in words that say how to get it. */
export class Missing extends Error {}

/** @throws Missing */
export function fetchServers(): ServerFiles {
  const javaHome = findJava()
  const dir = fetchOnce()
  return { javaHome, kafkaJars: join(dir, 'jars'), elasticsearchHome: join(dir, 'elasticsearch') }
}

function findJava(): string {
  const installed = '/usr/lib/jvm'
  const candidates = [
    process.env['HAETAE_TEST_JAVA_HOME'],
    process.env['JAVA_HOME'],
    ...(existsSync(installed) ? readdirSync(installed).map((name) => join(installed, name)) : []),
  ]
  for (const home of candidates) if (home && javaVersion(home) >= JAVA_AT_LEAST) return home
  throw new Missing(
    `no Java ${JAVA_AT_LEAST} or later: apt-get install openjdk-21-jre-headless (Debian 13), or Temurin 25, ` +
      'or point HAETAE_TEST_JAVA_HOME at one',
  )
}

function javaVersion(home: string): number {
  try {
    const [, version = '0'] = /^JAVA_VERSION="(\d+)/m.exec(readFileSync(join(home, 'release'), 'utf8')) ?? []
    return Number(version)
  } catch {
    return 0
  }
}

/** The folder is named by the pom: another version is another folder. It is readable to the user a server runs as. */
function fetchOnce(): string {
  const hash = createHash('sha256').update(readFileSync(pom)).digest('hex').slice(0, 12)
  const root =
    process.env['HAETAE_TEST_SERVERS_DIR'] ?? join(tmpdir(), `haetae-test-servers-${process.getuid?.() ?? 0}`)
  const dir = join(root, hash)
  mkdirSync(root, { recursive: true })
  if (statSync(root).uid !== (process.getuid?.() ?? 0)) throw new Missing(`${root} belongs to somebody else`)
  if (existsSync(dir)) return dir
  const making = `${dir}.${process.pid}`
  console.warn(`fetching Kafka and Elasticsearch into ${dir} ...`)
  try {
    mkdirSync(making)
    cpSync(pom, join(making, 'pom.xml'))
    const jars = join(making, 'jars')
    run(
      'mvn',
      ['-q', '-B', 'dependency:copy-dependencies', `-DoutputDirectory=${jars}`],
      making,
      'apt-get install maven',
    )
    const zip = readdirSync(jars).find((name) => name.startsWith('elasticsearch') && name.endsWith('.zip')) ?? ''
    run('unzip', ['-q', join(jars, zip), '-d', making], making, 'apt-get install unzip')
    rmSync(join(jars, zip))
    renameSync(join(making, zip.slice(0, -'.zip'.length)), join(making, 'elasticsearch'))
    run('chmod', ['-R', 'a+rX', making], making, '')
    chmodSync(root, 0o755)
    if (existsSync(dir)) return dir
    renameSync(making, dir)
    return dir
  } finally {
    rmSync(making, { recursive: true, force: true })
  }
}

function run(program: string, args: string[], cwd: string, install: string): void {
  const done = spawnSync(program, args, { cwd, encoding: 'utf8', timeout: 600_000 })
  if (done.error) throw new Missing(`${program} cannot be run (${done.error.message}): ${install}`)
  if (done.status !== 0) throw new Missing(`${program} ${args.join(' ')} failed:\n${done.stdout}${done.stderr}`)
}
