// Logs of containers on this node, found by themselves: Kubernetes pods (CRI or Docker lines) and plain Docker.

import { readFile, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Origin } from '../../core/raw-batch.ts'
import type { Source } from '../../core/source.ts'
import { type FileSourceOptions, openFiles } from '../files/file-source.ts'
import { Meter } from '../meter.ts'
import type { InputOptions } from '../options.ts'
import { JoinLines, type JoinOptions } from './join-lines.ts'
import { type ContainerIdentity, containerFields, readContainerPath } from './pod-path.ts'

type Passed = Pick<FileSourceOptions, 'pollMs' | 'maxOpenFiles' | 'rotateWaitMs' | 'orphanMaxMs' | 'zone'>

export interface ContainerSourceOptions extends InputOptions, Passed {
  readonly stateDir: string
  /** As in Origin.source. Default `containers`. */
  readonly source?: string
  /** `<namespace>_<pod>_<uid>/<container>/<n>.log`. Default /var/log/pods; '' leaves it out. */
  readonly podLogDir?: string
  /** `<id>/<id>-json.log`. Default /var/lib/docker/containers; '' leaves it out. */
  readonly dockerDir?: string
  /** Links named `<pod>_<namespace>_<container>-<id>.log`, instead of podLogDir: they know the container's id. Default ''. */
  readonly containerLogDir?: string
  /** Which cluster these pods are of: `orchestrator.cluster.name`. */
  readonly cluster?: string
  /** Longest joined line. Default 1 MiB. */
  readonly maxJoinedBytes?: number
  /** How long a first piece waits for its last one. Default 5 s. */
  readonly pieceWaitMs?: number
}

/**
 * Follows the logs of all containers, new ones as they appear, as files/ does. Long lines that the runtime split are joined
 * per stream, across rotation. A line that was not split is handed on exactly as it is in the file; a joined one is the
 * first piece's line with all contents in place of its own (`F` instead of `P` in CRI). Its key is that of the first piece.
 * Datasets: `cri`, `docker.json-file`. What was never finished within `pieceWaitMs` is handed on as it is, and counted.
 */
export async function openContainerSource(options: ContainerSourceOptions): Promise<Source> {
  const source = options.source ?? 'containers'
  const { podLogDir = '/var/log/pods', dockerDir = '/var/lib/docker/containers', containerLogDir = '' } = options
  const paths = [
    ...(podLogDir === '' ? [] : [join(podLogDir, '*_*_*/*/*.log*')]),
    ...(containerLogDir === '' ? [] : [join(containerLogDir, '*_*_*-*.log*')]),
    ...(dockerDir === '' ? [] : [join(dockerDir, '*/*-json.log*')]),
  ]
  const meter = new Meter(options.counters, source)
  const join_: JoinOptions = { maxBytes: options.maxJoinedBytes ?? 1024 * 1024, waitMs: options.pieceWaitMs ?? 5000 }
  const sinks = new SinkPerContainer(source, options, join_, meter)
  return openFiles(
    { ...options, source, paths, maxLineBytes: 1024 * 1024 },
    {
      kind: 'container',
      where: paths.map(dirname).map(dirname).join(' '),
      sinkFor: (path) => sinks.of(path),
    },
  )
}

/** Rotated files of one container share a sink, and are read one after the other. */
class SinkPerContainer {
  readonly #source: string
  readonly #options: ContainerSourceOptions
  readonly #join: JoinOptions
  readonly #meter: Meter
  readonly #sinks = new Map<string, WeakRef<JoinLines>>()

  constructor(source: string, options: ContainerSourceOptions, join: JoinOptions, meter: Meter) {
    this.#source = source
    this.#options = options
    this.#join = join
    this.#meter = meter
  }

  async of(path: string): Promise<{ sink: JoinLines; lane: string }> {
    // 0.log and 0.log.20261122-100000 are one container; 1.log is its next life.
    const lane = path.replace(/\.log\..*$/, '.log')
    const known = this.#sinks.get(lane)?.deref()
    if (known) return { sink: known, lane }
    const sink = new JoinLines(await this.#origins(path, lane), this.#join, this.#meter)
    for (const [name, ref] of this.#sinks) if (!ref.deref()) this.#sinks.delete(name)
    this.#sinks.set(lane, new WeakRef(sink))
    return { sink, lane }
  }

  async #origins(path: string, lane: string): Promise<{ cri: Origin; docker: Origin; other: Origin }> {
    const who = readContainerPath(path) ?? {}
    const extra: Record<string, string> = who.pod === undefined ? await dockerNames(path, who) : {}
    if (this.#options.cluster !== undefined) extra['orchestrator.cluster.name'] = this.#options.cluster
    const other: Origin = {
      source: this.#source,
      kind: 'container',
      peer: lane,
      zone: this.#options.zone,
      fields: containerFields(lane, who, extra),
    }
    return { cri: { ...other, dataset: 'cri' }, docker: { ...other, dataset: 'docker.json-file' }, other }
  }
}

const MAX_CONFIG_BYTES = 1024 * 1024

/** Docker keeps the name and image of a container beside its log. */
async function dockerNames(path: string, who: ContainerIdentity): Promise<Record<string, string>> {
  if (who.containerId === undefined) return {}
  const file = join(dirname(path), 'config.v2.json')
  try {
    if ((await stat(file)).size > MAX_CONFIG_BYTES) return {}
    const config = JSON.parse(await readFile(file, 'utf8')) as { Name?: unknown; Config?: { Image?: unknown } }
    const names: Record<string, string> = {}
    if (typeof config.Name === 'string') names['container.name'] = config.Name.replace(/^\//, '')
    if (typeof config.Config?.Image === 'string') names['container.image.name'] = config.Config.Image
    return names
  } catch {
    return {} // not there, or not ours to read: the id stays
  }
}
