// What the path of a container's log says about the container.

import { basename, dirname } from 'node:path'

export interface ContainerIdentity {
  readonly namespace?: string
  readonly pod?: string
  readonly podUid?: string
  readonly container?: string
  readonly containerId?: string
  readonly restartCount?: string
}

// Kubernetes names are DNS labels: none of them holds an underscore.
const POD_FOLDER = /^([^_/]{1,253})_([^_/]{1,253})_([^_/]{1,64})$/
const POD_FILE = /^(\d{1,9})\.log(?:\.|$)/
const LINK = /^([^_/]{1,253})_([^_/]{1,253})_([^_/]{1,253})-([0-9a-f]{6,64})\.log(?:\.|$)/
const DOCKER_FILE = /^([0-9a-f]{6,64})-json\.log(?:\.|$)/

/**
 * Reads `<namespace>_<pod>_<uid>/<container>/<n>.log` (kubelet), `<pod>_<namespace>_<container>-<id>.log` (the links in
 * /var/log/containers) and `<id>/<id>-json.log` (Docker), rotated ones too.
 * @returns undefined for other paths
 */
export function readContainerPath(path: string): ContainerIdentity | undefined {
  const file = basename(path)
  const folder = dirname(path)
  const docker = DOCKER_FILE.exec(file)
  if (docker) return { containerId: docker[1] }
  const link = LINK.exec(file)
  if (link) return { pod: link[1], namespace: link[2], container: link[3], containerId: link[4] }
  const pod = POD_FOLDER.exec(basename(dirname(folder)))
  const number = POD_FILE.exec(file)
  if (!pod || !number) return undefined
  return { namespace: pod[1], pod: pod[2], podUid: pod[3], container: basename(folder), restartCount: number[1] }
}

/** ECS fields, and the kubernetes.* ones that people search by. */
export function containerFields(path: string, who: ContainerIdentity, extra: Record<string, string> = {}) {
  const fields: Record<string, string> = { 'log.file.path': path, ...extra }
  const set = (name: string, value: string | undefined) => {
    if (value !== undefined) fields[name] = value
  }
  set('orchestrator.type', who.pod === undefined ? undefined : 'kubernetes')
  set('orchestrator.namespace', who.namespace)
  set('orchestrator.resource.name', who.pod)
  set('orchestrator.resource.type', who.pod === undefined ? undefined : 'pod')
  set('kubernetes.namespace', who.namespace)
  set('kubernetes.pod.name', who.pod)
  set('kubernetes.pod.uid', who.podUid)
  set('kubernetes.container.name', who.container)
  set('kubernetes.container.restart_count', who.restartCount)
  set('container.name', who.container)
  set('container.id', who.containerId)
  return fields
}
