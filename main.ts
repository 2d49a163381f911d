// Haetae, composition root: the only file that knows every implementation. It reads like the data flow:
//
//   inputs -> intake -> bus -> workers (parse, detect) -> store
//                                                      -> correlate -> alerts
//   api <- store, alerts
//
// `haetae start` (cli/start.ts) runs it.

import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { MarkBook } from './api/marks.ts'
import { readLegalHolds } from './api/query/legal-holds.ts'
import { createServer } from './api/server.ts'
import { ownPacks, ownRules, packFolders, ruleSetPaths, webDist } from './cli/own-files.ts'
import { version } from './cli/version.ts'
import { Accounting } from './core/accounting.ts'
import type { ReloadState, RulesOutput, WireSource } from './core/api.ts'
import type { Delivery } from './core/bus.ts'
import { bytesOf, type Config, durationMs } from './core/config.ts'
import { Counters } from './core/counters.ts'
import { describe } from './core/errors.ts'
import { openIntake, runPump } from './core/pump.ts'
import { rebuildLost } from './core/rebuild-lost.ts'
import { openRetention } from './core/retention.ts'
import type { Source } from './core/source.ts'
import { loadRuleSet, openCorrelator, type RuleSet } from './correlator/rule-set.ts'
import { openContainerSource } from './ingest/containers/container-source.ts'
import { openFileSource } from './ingest/files/file-source.ts'
import { logRoutes } from './ingest/http/log-routes.ts'
import { auditRoutes } from './ingest/kubernetes/audit-routes.ts'
import { openSyslogTcp } from './ingest/syslog/tcp.ts'
import { openSyslogUdp } from './ingest/syslog/udp.ts'
import { UnparsedBook } from './parsers/unparsed/book.ts'
import { type Explainer, openExplainer } from './parsers/unparsed/explainer.ts'
import { openBus, openStore } from './pipeline/backends.ts'
import { openCheckpoint, restoreCheckpoint } from './pipeline/checkpoint.ts'
import { openCorrelateStage } from './pipeline/correlate-stage.ts'
import { openExceptionDesk } from './pipeline/exceptions-desk.ts'
import { copySet, type LoadedSet } from './pipeline/loaded-set.ts'
import { openProcessPool, type ProcessSetup } from './pipeline/process-pool.ts'
import { openReloader } from './pipeline/reload.ts'
import { openReparse } from './pipeline/reparse.ts'
import { openAlertBook } from './store/documents/alert-book.ts'
import { openDocuments } from './store/documents/sqlite.ts'

export interface RunningNode {
  readonly address: string
  readonly syslogPort: number | undefined
  readonly dataDir: string
  /** A link that signs the first person in, once. */
  signInLink(): string
  /** Resolves when the node has stopped, rejects when its pipeline failed. */
  readonly ended: Promise<void>
  /** Takes packs and rules anew: applied, or refused whole with the reasons. */
  reload(): Promise<ReloadState>
  /** Stops taking, finishes what was taken, saves, closes. Idempotent. */
  stop(): Promise<void>
}

/** accept: inputs to bus. process: bus to store and alerts. Both answer the API. */
export const roles = ['all', 'accept', 'process'] as const
export type Role = (typeof roles)[number]

export interface NodeOptions {
  readonly config: Config
  /** What this process does. Default all of it; apart only with Kafka and Elasticsearch between. */
  readonly role?: Role
  readonly now?: () => number
  /** Words for the operator, one line each. */
  readonly say: (line: string) => void
}

/** A checkpoint is saved this often, but never takes more than 1/50 of the time: what is not saved is replayed. */
const CHECKPOINT_EVERY_MS = 5_000
const CHECKPOINT_SHARE = 50
const DRAIN_FOR_MS = 30_000
const noInputs = {
  syslog: { udp: false, tcp: false, host: '', port: 0, maxMessage: '1 B', maxConnections: 1, maxConnectionsPerPeer: 1 },
  files: [],
  containers: {} as Config['containers'],
} satisfies Partial<Config>
/** The store's size is looked at this often, its age every twelfth time. */
const RETIRE_EVERY_MS = 300_000
/** Whether a damaged segment is to be replayed is looked at this often. */
const REBUILD_EVERY_MS = 60_000

/** @throws what an implementation says when it cannot open; nothing is left running then */
export async function startNode({ config, role = 'all', now = Date.now, say }: NodeOptions): Promise<RunningNode> {
  const counters = new Counters()
  const dataDir = config.data
  const holds = readLegalHolds(config.store.hold)
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  const opened: { close(): Promise<unknown> }[] = []
  const open = <T extends { close(): Promise<unknown> }>(thing: T): T => {
    opened.push(thing)
    return thing
  }
  const closeAll = async () => {
    for (const thing of opened.splice(0).reverse()) await thing.close()
  }

  try {
    // What is kept: documents, the event store, the bus before it.
    const documents = open(await openDocuments({ path: join(dataDir, 'documents.sqlite') }))
    const kept = { config, counters, now, say }
    const store = open(await openStore(kept))
    const bus = open(await openBus(kept, store))
    const restored = await restoreCheckpoint(documents)
    const startedAt = new Map([...bus.bounds()].map(([partition, { next }]) => [partition, next]))
    const accounting = new Accounting(startedAt, restored.accounting)

    // What understands: workers that parse and detect, one correlator, the book of alerts.
    const copies = join(dataDir, 'loaded')
    rmSync(copies, { recursive: true, force: true }) // of a process that was killed
    let set = await copySet(config, join(copies, '1'))
    const { exceptions } = ruleSetPaths(config)
    let rules = loadRuleSet({ ...set.paths, exceptions })
    for (const words of refusals(rules, set)) say(`rule refused: ${words}`)
    for (const { file, reason } of rules.refusedExceptions) say(`exception refused: ${file}: ${reason}`)
    const correlatorOf = (of: RuleSet, restore: unknown) =>
      openCorrelator(of, {
        restore,
        allowedLatenessMs: durationMs(config.lateness),
        maxStateBytes: bytesOf(config.correlationMemory),
        counters,
      })
    const correlator = correlatorOf(rules, restored.correlatorState)
    const alerts = openAlertBook(documents)
    let explainer = openExplainer(set.paths.packs)
    const asked: Explainer = { explain: (question) => explainer.explain(question), close: () => explainer.close() }
    const unparsed = new UnparsedBook(open(asked), now(), ownPacks)
    const setup: ProcessSetup = {
      packs: packFolders(config.packs),
      ...ruleSetPaths(config),
      zone: config.zone,
      enrich: config.enrich,
      masking: config.masking,
    }
    const onReport = ({ tallies, ...report }: Parameters<typeof unparsed.merge>[0]) => {
      const named = tallies.map((tally) => ({ ...tally, place: tally.place && set.original(tally.place) }))
      unparsed.merge({ ...report, tallies: named })
    }
    const pool = open(
      await openProcessPool({ ...setup, ...set.paths, workers: config.workers, counters, onReport }).catch(
        (error: unknown) => {
          throw new Error(set.original(describe(error)), { cause: error })
        },
      ),
    )

    // How far it has come, remembered together.
    const correlation = openCorrelateStage({
      correlator,
      alerts,
      upTo: restored.correlatedUpTo,
      toldUpTo: within(await alerts.toldUpTo(), startedAt),
      ends: () => bus.bounds(),
      now,
      onError: (error) => say(`alerts not written: ${describe(error)}`),
    })
    opened.push({ close: async () => correlation.close() })
    const checkpoint = openCheckpoint({
      bus,
      documents,
      accounting,
      counters,
      restored,
      correlation: () => correlation.progress(),
    })
    store.onDurable((partition, next) => checkpoint.storeDurable(partition, next))

    // Packs and rules are taken anew without a stop. Deliveries that begin later go to workers with the new set; when the
    // first of them comes to be correlated, the correlator changes too, with the state of the rules that are the same.
    const reloader = openReloader({
      user: config,
      dir: copies,
      running: set,
      counters,
      now,
      say,
      apply: async (fresh) => {
        const next = loadRuleSet({ ...fresh.paths, exceptions })
        const had = new Set(refusals(rules, set))
        const mistakes = refusals(next, fresh).filter((words) => !had.has(words))
        if (mistakes.length > 0) throw new Error(mistakes.join('\n'))
        correlatorOf(next, undefined) // rules that build on each other in a circle are refused here
        await pool.replace(fresh.paths, (reached) => {
          correlation.replace(reached, (state) => correlatorOf(next, state))
          rules = next
          set = fresh
        })
        await explainer.close()
        explainer = openExplainer(fresh.paths.packs)
        return { rules: next.loaded.rules.length, correlations: next.loaded.correlations.length }
      },
    })

    // What was stored is read again when a pack has been mended.
    const reparse = openReparse({
      bus,
      store,
      correlation,
      accounting,
      checkpoint,
      documents,
      counters,
      setup,
      now,
    })
    await reparse.recover()

    // Inputs write here; a full disk holds or refuses them.
    const intake = open(
      openIntake({
        bus,
        counters,
        onDurable: (perSource) => accounting.accepted(perSource),
        onError: (error) => say(`not writing: ${describe(error)}`),
      }),
    )

    const marks = new MarkBook() // for the badges of tails
    const stopping = new AbortController()
    const pump = () =>
      runPump({
        bus,
        store,
        process: (delivery) => pool.process(delivery),
        correlatedUpTo: restored.correlatedUpTo,
        accounting,
        counters,
        say,
        signal: stopping.signal,
        correlate: (matches, ...rest) => {
          marks.note(matches)
          return correlation.correlate(matches, ...rest)
        },
      })
    const pumped = role === 'accept' ? once(stopping.signal, 'abort').then(() => {}) : pump()
    pumped.catch(() => {}) // `ended` reports it
    let notBefore = 0
    const timer = setInterval(() => {
      const started = performance.now()
      if (started < notBefore) return
      notBefore = Number.POSITIVE_INFINITY
      correlation
        .between(() => checkpoint.save())
        .catch((error: unknown) => say(`checkpoint not saved: ${describe(error)}`))
        .finally(() => {
          const ended = performance.now()
          notBefore = ended + (ended - started) * CHECKPOINT_SHARE
        })
    }, CHECKPOINT_EVERY_MS)
    const { keepFor, keepBytes } = config.store
    const limits = { keepForMs: durationMs(keepFor), ...(keepBytes !== undefined && { keepBytes: bytesOf(keepBytes) }) }
    const retire = role === 'accept' ? undefined : openRetention({ store, ...limits, holds, counters, now, say })
    const retention = setInterval(() => {
      retire?.check().catch((error: unknown) => say(`old events not deleted: ${describe(error)}`))
    }, RETIRE_EVERY_MS)
    // A segment that a query found damaged comes back from the bus while we run; a start does the same by itself.
    let rebuilding: Promise<unknown> | undefined
    const rebuild = setInterval(() => {
      if (rebuilding || store.lost().length === 0) return
      const process = (delivery: Delivery) => pool.process(delivery, 'again')
      rebuilding = rebuildLost({ bus, store, process, counters, signal: stopping.signal, say })
        .catch((error: unknown) => say(`damaged events not replayed: ${describe(error)}`))
        .finally(() => {
          rebuilding = undefined
        })
    }, REBUILD_EVERY_MS)

    // The API and the inputs that speak HTTP share one server.
    const sources: Source[] = []
    let ready = false
    const server = open(
      await createServer({
        store,
        documents,
        alerts,
        counters,
        now,
        version,
        webDir: webDist,
        host: config.http.host,
        port: config.http.port,
        names: config.http.names,
        cliToken: cliToken(dataDir),
        metricsToken: config.http.metricsToken,
        auditKeepMs: durationMs(config.store.keepFor),
        ready: () => ready,
        sources: () => listSources(sources, accounting, checkpoint.refused()),
        marks,
        unparsed: () => unparsed.tell(),
        reparse,
        reload: reloader,
        rules: () => listRules(rules, set, correlation.matchesPerRule),
        exceptions: openExceptionDesk({
          folder: exceptions,
          rules: () => rules,
          excepted: correlation.excepted,
          now,
          onChange: () => pool.exceptionsChanged(),
        }),
        routes: async (app) => {
          const input = { intake, counters, now, warn: say, token: config.http.ingestToken }
          if (role === 'process') return
          await app.register(logRoutes, { ...input, limits: { maxBodyBytes: bytesOf(config.http.maxBody) } })
          await app.register(auditRoutes, input)
        },
      }),
    )
    const address = await server.listen()

    const input = { intake, counters, now, warn: say }
    const { syslog, files, containers } = role === 'process' ? { ...config, ...noInputs } : config
    let syslogPort: number | undefined
    if (syslog.tcp) {
      const tcp = await openSyslogTcp({
        ...input,
        host: syslog.host,
        port: syslog.port,
        zone: config.zone,
        maxMessageBytes: bytesOf(syslog.maxMessage),
        maxConnections: syslog.maxConnections,
        maxConnectionsPerPeer: syslog.maxConnectionsPerPeer,
      })
      sources.push(open(tcp))
      syslogPort = tcp.port
    }
    if (syslog.udp) {
      const port = syslogPort ?? syslog.port // with port 0 both listen on the same number
      const maxMessageBytes = bytesOf(syslog.maxMessage)
      sources.push(open(await openSyslogUdp({ ...input, host: syslog.host, port, zone: config.zone, maxMessageBytes })))
      syslogPort = port
    }
    for (const { path, dataset, zone = config.zone } of files) {
      const stateDir = join(dataDir, 'files', createHash('sha256').update(path).digest('hex').slice(0, 16))
      sources.push(open(await openFileSource({ ...input, paths: [path], dataset, zone, stateDir })))
    }
    const { pods = '', docker = '', cluster } = containers
    if (pods || docker) {
      const stateDir = join(dataDir, 'containers')
      sources.push(open(await openContainerSource({ ...input, podLogDir: pods, dockerDir: docker, cluster, stateDir })))
    }
    ready = true

    let stopped: Promise<void> | undefined
    const stop = () => {
      stopped ??= (async () => {
        ready = false
        clearInterval(timer)
        clearInterval(retention)
        clearInterval(rebuild)
        await reloader.close()
        await reparse.close()
        await Promise.all(sources.map((source) => source.close()))
        await intake.close()
        // Others may go on writing to a topic: what is left there is read by the next start.
        if (!config.bus.kafka) await drained(bus, correlation.upTo, DRAIN_FOR_MS, pumped)
        stopping.abort()
        await pumped.catch(() => {})
        await correlation.flush()
        await store.flush()
        await correlation.between(() => checkpoint.save())
        await closeAll()
      })()
      return stopped
    }
    const ended = pumped.then(
      () => stop(),
      async (error: unknown) => {
        await stop().catch((failure: unknown) => say(`while stopping: ${describe(failure)}`))
        throw error
      },
    )
    ended.catch(() => {})
    return { address, syslogPort, dataDir, signInLink: () => server.signInLink(), ended, reload: reloader.reload, stop }
  } catch (error) {
    await closeAll().catch((failure: unknown) => say(`while closing: ${describe(failure)}`))
    throw error
  }
}

/** Waits until everything on the bus went through, or for so long, or until the pump failed. */
async function drained(
  bus: { bounds(): ReadonlyMap<number, { next: number }> },
  upTo: ReadonlyMap<number, number>,
  forMs: number,
  pumped: Promise<void>,
): Promise<void> {
  let failed = false
  pumped.catch(() => {
    failed = true
  })
  const behind = () => [...bus.bounds()].some(([partition, { next }]) => next > (upTo.get(partition) ?? 0))
  const end = performance.now() + forMs
  while (!failed && behind() && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 10))
}

/** Nothing beyond what the bus has: what it has not cannot be given again. */
function within(upTo: ReadonlyMap<number, number>, ends: ReadonlyMap<number, number>): Map<number, number> {
  return new Map([...upTo].map(([partition, next]) => [partition, Math.min(next, ends.get(partition) ?? 0)]))
}

/** The command line's way in: whoever can read the data folder may ask the node. */
function cliToken(dataDir: string): string {
  const path = join(dataDir, 'cli-token')
  if (!existsSync(path)) writeFileSync(path, `${randomBytes(32).toString('base64url')}\n`, { mode: 0o600 })
  chmodSync(path, 0o600)
  return readFileSync(path, 'utf8').trim()
}

function listSources(
  sources: readonly Source[],
  accounting: Accounting,
  refused: Readonly<Record<string, Record<string, number>>>,
): WireSource[] {
  const running = new Map(sources.flatMap((source) => source.status()).map((status) => [status.source, status]))
  const counted = accounting.view()
  const names = new Set([...running.keys(), ...counted.keys(), ...Object.keys(refused)])
  return [...names].sort().map((source) => {
    const status = running.get(source)
    const totals = counted.get(source) ?? { stored: 0, duplicates: 0, unparsedBy: {}, lastSeen: 0, inFlight: 0 }
    const unparsed = Object.values(totals.unparsedBy).reduce((sum, n) => sum + n, 0)
    return {
      source,
      kind: status?.kind ?? source.split(':')[0] ?? '',
      where: status?.where ?? '',
      state: status?.state ?? 'waiting',
      ...(status?.detail && { detail: status.detail }),
      ...(totals.lastSeen > 0 && { lastSeen: totals.lastSeen }),
      received: totals.stored + unparsed + totals.duplicates + totals.inFlight,
      stored: totals.stored,
      unparsed,
      duplicates: totals.duplicates,
      inFlight: totals.inFlight,
      unparsedBy: totals.unparsedBy,
      refused: refused[source] ?? {},
    }
  })
}

/** `file:line: reason`, as the user names files. */
function refusals({ loaded }: RuleSet, set: LoadedSet): string[] {
  return loaded.refused.map(({ file, line, reason }) => set.original(`${line ? `${file}:${line}` : file}: ${reason}`))
}

function listRules({ loaded }: RuleSet, set: LoadedSet, matches: ReadonlyMap<string, number>): RulesOutput {
  const describeRule =
    (kind: 'event' | 'correlation') =>
    (rule: { id: string; title: string; level: string; tags: readonly string[]; file: string }) => ({
      id: rule.id,
      title: rule.title,
      level: rule.level,
      tags: [...rule.tags],
      kind,
      matches: matches.get(rule.id) ?? 0,
      file: rule.file.startsWith(ownRules) ? rule.file.slice(ownRules.length + 1) : set.original(rule.file),
    })
  return {
    rules: [...loaded.rules.map(describeRule('event')), ...loaded.correlations.map(describeRule('correlation'))],
    refused: loaded.refused.map(({ file, line, reason }) => ({
      file: set.original(line ? `${file}:${line}` : file),
      reason,
    })),
  }
}
