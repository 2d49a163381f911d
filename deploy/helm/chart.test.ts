// Over what `helm template` made of the chart, checked in under rendered/; where helm is on the PATH (or in HELM), it is
// rendered again and compared.

import { createHash } from 'node:crypto'
import Schema from 'typebox/schema'
import { describe, expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { ConfigSchema } from '../../core/config.ts'
import { roles } from '../../main.ts'
import { loadText, type Manifest, read, readManifests, readYaml, variablesOf } from '../testing.ts'
import { fingerprint, type Mode, modes, render, renderedPath } from './render.ts'

interface Container {
  readonly name: string
  readonly args?: string[]
  readonly command?: string[]
  readonly env: { readonly name: string }[]
  readonly ports?: { readonly name: string; readonly containerPort: number }[]
  readonly volumeMounts: { readonly name: string; readonly mountPath: string; readonly readOnly?: boolean }[]
  readonly securityContext: object
  readonly resources: { readonly limits: Record<string, string>; readonly requests: Record<string, string> }
  readonly [probe: string]: unknown
}
interface Pod {
  readonly containers: Container[]
  readonly volumes: {
    readonly name: string
    readonly configMap?: { readonly name: string }
    readonly hostPath?: object
  }[]
  readonly securityContext: Record<string, unknown>
  readonly [key: string]: unknown
}
interface Workload {
  readonly replicas?: number
  readonly selector: { readonly matchLabels: Record<string, string> }
  readonly template: { readonly metadata: { readonly labels: Record<string, string> }; readonly spec: Pod }
  readonly volumeClaimTemplates?: { readonly metadata: { readonly name: string } }[]
}

const manifests = Object.fromEntries(
  modes.map((mode) => [mode, readManifests(`deploy/helm/rendered/${mode}.yaml`)]),
) as Record<Mode, Manifest[]>
const workloadsOf = (mode: Mode) =>
  manifests[mode].filter(({ kind }) => ['StatefulSet', 'Deployment', 'DaemonSet'].includes(kind))
const workloads = modes.flatMap((mode) =>
  workloadsOf(mode).map((manifest) => [`${mode}: ${manifest.metadata.name}`, mode, manifest] as const),
)
const specOf = ({ spec }: Manifest) => spec as unknown as Workload
const podOf = (manifest: Manifest | undefined) => (manifest?.spec ?? {}) as unknown as Pod
const nameOf = ({ kind, metadata }: Manifest) => `${kind}/${metadata.name}`

describe.each(modes)('mode %s', (mode) => {
  test('what is checked in was rendered from the chart as it is; deploy/helm/render.ts renders it anew', () => {
    expect(read(`deploy/helm/rendered/${mode}.yaml`).split('\n')[0]).toContain(fingerprint(mode))
    const now = render(mode)
    if (!now) return // no helm here: the fingerprint has to do
    expect(now.error).toBe('')
    const parse = (text: string) => parseAllDocuments(text).map((doc) => doc.toJS() as Manifest)
    const byName = (list: Manifest[]) => Object.fromEntries(list.map((manifest) => [nameOf(manifest), manifest]))
    expect(byName(parse(now.text.replace(/[ \t]+$/gm, '')))).toEqual(byName(manifests[mode]))
    expect(renderedPath(mode)).toContain(mode)
  })

  test('no object is there twice', () => {
    const names = manifests[mode].map(nameOf)
    expect(new Set(names).size).toBe(names.length)
  })

  test('a service finds pods that listen on the ports it names', () => {
    for (const service of manifests[mode].filter(({ kind }) => kind === 'Service')) {
      const { selector, ports } = service.spec as { selector: object; ports: { targetPort: string }[] }
      const found = workloadsOf(mode).filter((workload) => matches(selector, specOf(workload).template.metadata.labels))
      expect(found, service.metadata.name).toHaveLength(1)
      const open = specOf(found[0] as Manifest).template.spec.containers.flatMap((c) => c.ports ?? [])
      for (const { targetPort } of ports) expect(open.map(({ name }) => name)).toContain(targetPort)
    }
  })

  test('every pod is under the network policy, and Prometheus finds every service', () => {
    const policy = manifests[mode].find(({ kind }) => kind === 'NetworkPolicy')
    const { podSelector, policyTypes } = (policy as Manifest).spec as {
      podSelector: { matchLabels: object }
      policyTypes: string[]
    }
    expect(policyTypes).toEqual(['Ingress', 'Egress'])
    for (const workload of workloadsOf(mode)) {
      expect(matches(podSelector.matchLabels, specOf(workload).template.metadata.labels)).toBe(true)
    }
    const monitor = manifests[mode].find(({ kind }) => kind === 'ServiceMonitor')
    const { selector } = (monitor as Manifest).spec as { selector: { matchLabels: object } }
    for (const { kind, metadata } of manifests[mode]) {
      if (kind === 'Service') expect(matches(selector.matchLabels, metadata.labels), metadata.name).toBe(true)
    }
  })
})

describe.each(workloads)('%s', (_title, mode, manifest) => {
  const { template, selector, replicas, volumeClaimTemplates = [] } = specOf(manifest)
  const pod = template.spec
  const [container] = pod.containers as [Container]

  test('loads its configuration with the environment it gets', () => {
    const name = pod.volumes.find((volume) => volume.name === 'config')?.configMap?.name
    const map = manifests[mode].find((other) => other.kind === 'ConfigMap' && other.metadata.name === name)
    const text = map?.data?.['haetae.yaml'] ?? ''
    const env = container.env.map((variable) => variable.name)
    for (const variable of variablesOf(text)) expect(env).toContain(variable)
    const config = loadText(text, env)
    const { args = [] } = container
    const role = args[args.indexOf('--role') + 1]
    expect(roles).toContain(role)
    expect(Boolean(config.bus.kafka && config.store.elasticsearch)).toBe(role !== 'all')
    expect(config.data).toBe(args[args.indexOf('--data') + 1])
    expect(config.http).toMatchObject({ ingestToken: '0123456789012345', metricsToken: '0123456789012345' })
    // What the configuration listens on is what the pod says is open.
    const wanted = [config.http.port, ...(config.syslog.tcp ? [config.syslog.port] : [])]
    const open = new Set(container.ports?.map(({ containerPort }) => containerPort))
    expect([...open].sort()).toEqual((role === 'process' ? [config.http.port] : wanted).sort())
    for (const service of manifests[mode].filter(({ kind }) => kind === 'Service')) {
      expect(config.http.names).toContain(service.metadata.name)
    }
    // Files it names are below something that is mounted.
    const { kafka } = config.bus
    const { elasticsearch } = config.store
    const paths = [
      kafka?.tls?.ca,
      elasticsearch?.tls?.ca,
      ...config.files.map(({ path }) => path),
      config.containers.pods,
    ]
    for (const path of paths.filter((some) => some !== undefined)) {
      expect(
        container.volumeMounts.some(({ mountPath, readOnly }) => path.startsWith(`${mountPath}/`) && readOnly),
      ).toBe(true)
    }
  })

  test('may write its data and /tmp, and has no privileges', () => {
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    })
    expect(pod.securityContext['seccompProfile']).toEqual({ type: 'RuntimeDefault' })
    const writable = container.volumeMounts.filter(({ readOnly }) => !readOnly).map(({ mountPath }) => mountPath)
    expect(writable.sort()).toEqual(['/data', '/tmp'])
    expect(pod['automountServiceAccountToken']).toBe(false)
    for (const key of ['hostNetwork', 'hostPID', 'hostIPC']) expect(pod[key], key).toBeUndefined()
    // Pod logs are root's; whoever reads none is not root.
    const reads = pod.volumes.some((volume) => volume.name === 'var-log')
    expect(pod.securityContext['runAsNonRoot']).toBe(!reads)
    expect(pod.volumes.some((volume) => volume.hostPath)).toBe(reads)
  })

  test('is probed, has bounds, and time to end', () => {
    for (const probe of ['startupProbe', 'livenessProbe', 'readinessProbe']) {
      const path = probe === 'readinessProbe' ? '/readyz' : '/livez'
      expect(container[probe], probe).toMatchObject({ httpGet: { path, port: 'http' } })
    }
    expect(container.resources.limits).toHaveProperty('memory')
    expect(pod['terminationGracePeriodSeconds']).toBeGreaterThan(30)
  })

  test('selects its own pods, starts anew with another configuration, and mounts what there is', () => {
    expect(matches(selector.matchLabels, template.metadata.labels)).toBe(true)
    const others = workloadsOf(mode).filter((other) => other !== manifest)
    for (const other of others)
      expect(matches(selector.matchLabels, specOf(other).template.metadata.labels)).toBe(false)
    const { annotations } = template.metadata as unknown as { annotations: Record<string, string> }
    expect(annotations['checksum/config']).toMatch(/^[0-9a-f]{64}$/)
    const volumes = [
      ...pod.volumes.map(({ name }) => name),
      ...volumeClaimTemplates.map(({ metadata }) => metadata.name),
    ]
    expect(container.volumeMounts.map(({ name }) => name).sort()).toEqual(volumes.sort())
  })

  test('who keeps alerts and rule state is one', () => {
    const role = container.args?.at(-1)
    expect(manifest.kind === 'StatefulSet').toBe(role !== 'accept')
    if (role !== 'accept') expect(replicas).toBe(1)
  })
})

describe('values', () => {
  const schema = JSON.parse(read('deploy/helm/haetae/values.schema.json')) as object
  const values = readYaml<Record<string, unknown>>('deploy/helm/haetae/values.yaml')
  const kafka = { ...(values['kafka'] as object), brokers: ['kafka:9092'] }
  const elasticsearch = { ...(values['elasticsearch'] as object), nodes: ['http://es:9200'] }
  const agent = { ...(values['agent'] as object), enabled: true }
  const full = { ...values, mode: 'full', kafka, elasticsearch, agent }

  test.each([
    ['the defaults', values],
    ['mode full', full],
  ])('%s fit the schema', (_why, given) => expect(Schema.Errors(schema, given)).toEqual([true, []]))

  test.each([
    ['an unknown key', { ...values, repicas: 2 }],
    ['an unknown mode', { ...values, mode: 'cluster' }],
    ['mode full without Kafka', { ...full, kafka: values['kafka'] }],
    ['mode full without Elasticsearch', { ...full, elasticsearch: values['elasticsearch'] }],
    ['agents without a topic', { ...values, agent }],
    ['an agent that reads elsewhere', { ...full, agent: { ...agent, files: [{ path: '/etc/shadow' }] } }],
    ['a broker without a port', { ...full, kafka: { ...kafka, brokers: ['kafka'] } }],
    ['an address that is no URL', { ...full, elasticsearch: { ...elasticsearch, nodes: ['es:9200'] } }],
    ['a key that is not of haetae.yaml', { ...values, config: { syslg: {} } }],
    ['more than one of what is one', { ...full, process: { ...(values['process'] as object), replicas: 2 } }],
    ['no secret', { ...values, auth: { existingSecret: '' } }],
  ])('%s is refused', (_why, given) => expect(Schema.Check(schema, given)).toBe(false))

  test('`config` takes every key of the configuration but the folder of the data', () => {
    const { config } = (schema as { properties: Record<string, { propertyNames: { enum: string[] } }> }).properties
    const keys = Object.keys(ConfigSchema.properties).filter((key) => key !== 'data')
    expect(config?.propertyNames.enum.toSorted()).toEqual(keys.sort())
  })
})

test('the test of a release is the script of the chart, run by the image', () => {
  for (const mode of modes) {
    const map = manifests[mode].find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === 'haetae-test')
    const digest = (text: string) => createHash('sha256').update(text.trim()).digest('hex')
    expect(digest(map?.data?.['test.mjs'] ?? '')).toBe(digest(read('deploy/helm/haetae/files/test.mjs')))
    const pod = manifests[mode].find(({ kind }) => kind === 'Pod')
    const [container] = podOf(pod).containers as [Container]
    expect(container.command).toEqual(['node', '/test/test.mjs'])
    const services = manifests[mode].filter(({ kind }) => kind === 'Service').map(({ metadata }) => metadata.name)
    for (const { name, value } of container.env as { name: string; value?: string }[]) {
      if (value) expect(services, name).toContain(new URL(value).hostname)
    }
  }
})

function matches(selector: object, labels: Record<string, string>): boolean {
  return Object.entries(selector).every(([key, value]) => labels[key] === value)
}
