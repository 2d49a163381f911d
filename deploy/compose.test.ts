import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { roles } from '../main.ts'
import { loadText, read, readYaml, root, variablesOf } from './testing.ts'

interface Service {
  readonly image: string
  readonly profiles: string[]
  readonly command?: string[]
  readonly volumes: string[]
  readonly ports?: string[]
  readonly networks?: string[]
  readonly healthcheck: { readonly test: string[] }
  readonly environment: Record<string, string>
  readonly depends_on?: Record<string, { readonly condition: string }>
  readonly [key: string]: unknown
}
const compose = readYaml<{
  services: Record<string, Service>
  volumes: Record<string, object>
  networks: Record<string, { internal?: boolean } | null>
}>('deploy/compose.yaml')
const services = Object.entries(compose.services)
const ours = services.filter(([, { image }]) => image.includes('haetae'))

test('each profile has its processes', () => {
  const of = (profile: string) =>
    services.filter(([, service]) => service.profiles.includes(profile)).map(([name]) => name)
  expect(of('single')).toEqual(['haetae'])
  expect(of('full')).toEqual(['accept', 'process', 'kafka', 'elasticsearch'])
  for (const [name, { profiles }] of services) expect(profiles, name).toHaveLength(1)
})

test.each(services)('%s tells its health, and starts again', (_name, service) => {
  expect(service.healthcheck.test[0]).toMatch(/^CMD/)
  expect(service['restart']).toBe('unless-stopped')
  expect(service['security_opt']).toContain('no-new-privileges:true')
})

test.each(ours)('%s may write its volume and /tmp, and nothing else', (_name, service) => {
  expect(service).toMatchObject({ read_only: true, cap_drop: ['ALL'], user: '10001:10001' })
  expect(service['privileged']).toBeUndefined()
  for (const volume of service.volumes) {
    const [from = '', to = '', mode] = volume.split(':')
    if (to === '/data') expect(compose.volumes).toHaveProperty(from)
    else {
      expect(mode, volume).toBe('ro')
      expect(existsSync(join(root, 'deploy', from)), from).toBe(true)
    }
  }
})

test.each(ours)('the configuration of %s loads with the environment it gets', (_name, service) => {
  const mounted = service.volumes.find((volume) => volume.includes(':/etc/haetae/haetae.yaml'))?.split(':')[0] ?? ''
  const text = read(join('deploy', mounted))
  for (const name of variablesOf(text)) expect(Object.keys(service.environment)).toContain(name)
  const config = loadText(text, Object.keys(service.environment))
  expect(config.data).toBe('/data')
  // Whoever is not named as a role of its own does all.
  const { command = [] } = service
  const role = command.includes('--role') ? command[command.indexOf('--role') + 1] : 'all'
  expect(roles).toContain(role)
  expect(Boolean(config.bus.kafka && config.store.elasticsearch)).toBe(role !== 'all')
  for (const broker of config.bus.kafka?.brokers ?? [])
    expect(compose.services).toHaveProperty(broker.split(':')[0] ?? '')
  for (const node of config.store.elasticsearch?.nodes ?? []) {
    expect(compose.services).toHaveProperty(new URL(node).hostname)
  }
  for (const port of service.ports ?? []) {
    const inside = Number(/:(\d+)\/(?:tcp|udp)$/.exec(port)?.[1])
    expect([config.http.port, config.syslog.port]).toContain(inside)
  }
})

test('nothing is published beyond this machine unless asked for, and the servers not at all', () => {
  for (const [name, { ports = [], networks }] of services) {
    for (const port of ports) expect(port, name).toMatch(/^\$\{HAETAE_BIND:-127\.0\.0\.1\}:/)
    if (!ours.some(([own]) => own === name)) {
      expect(ports).toEqual([])
      expect(networks).toEqual(['inside'])
    }
  }
  expect(compose.networks['inside']?.internal).toBe(true)
})

test('a role waits until its servers are healthy', () => {
  for (const name of ['accept', 'process']) {
    expect(compose.services[name]?.depends_on).toEqual({
      kafka: { condition: 'service_healthy' },
      elasticsearch: { condition: 'service_healthy' },
    })
  }
})
