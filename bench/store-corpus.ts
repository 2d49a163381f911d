// The events of the store benchmark: made, about 40 fields and 1 KB of JSON each, the same for the same number. sshd 30 %,
// web access 30 %, Kubernetes audit 20 %, container errors 10 %, firewall 10 %. Nothing here is a real log.

import type { EcsEvent } from '../core/event.ts'
import { randomOf } from './corpus.ts'

export const corpusStartMs = Date.UTC(2026, 0, 15)
export const corpusStepMs = 20
/** Stands in one event of 50,000, as a word of a container's message. */
export const rareWord = 'zirconium'

const users = Array.from({ length: 400 }, (_, i) => (i % 9 === 0 ? `adm${i}` : `user${i}`))
const hosts = Array.from({ length: 60 }, (_, i) => `node-${i}.site.example`)
const paths = Array.from({ length: 300 }, (_, i) => `/shop/item/${i}`)
const pods = Array.from({ length: 120 }, (_, i) => `checkout-${(i * 7919).toString(36)}`)
const verbs = ['get', 'list', 'create', 'delete']
const statuses = [200, 200, 200, 304, 404, 500]

export class StoreCorpus {
  #next: () => number

  constructor(seed = 1) {
    this.#next = randomOf(seed)
  }

  /** The event of this number; numbers ascend by one from call to call. */
  event(i: number): EcsEvent {
    const host = this.#pick(hosts)
    const user = users[Math.floor(this.#next() ** 2 * users.length)] as string
    const ip = this.#address()
    const kind = i % 10
    if (kind < 3) return this.#sshd(i, host, user, ip)
    if (kind < 6) return this.#web(i, host, user, ip)
    if (kind < 8) return this.#audit(host, user, ip)
    return kind === 8 ? this.#container(i, host) : this.#firewall(host, ip)
  }

  #pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.#next() * from.length)] as T
  }

  #hex(digits: number): string {
    let out = ''
    while (out.length < digits) out += Math.floor(this.#next() * 16).toString(16)
    return out
  }

  #address(): string {
    const part = (most: number) => Math.floor(this.#next() * most)
    return `10.${part(4)}.${part(40)}.${part(250)}`
  }

  #common(dataset: string, host: string, original: string, level = 'info'): EcsEvent {
    return {
      ecs: { version: '9.0.0' },
      haetae: { source: `lab-${dataset}`, pack: dataset, ingest: { partition: 0 } },
      data_stream: { type: 'logs', dataset, namespace: 'default' },
      host: {
        name: host,
        hostname: host,
        os: { family: 'linux', name: 'Debian', version: '13' },
        architecture: 'x86_64',
      },
      agent: { type: 'haetae', version: '0.1.0', id: '6f1c2c1e-0000-4000-8000-000000000001' },
      observer: { name: 'edge-1', type: 'collector' },
      event: { original, dataset, module: dataset, kind: 'event', ingested: '2026-01-15T00:00:00Z' },
      log: { level, file: { path: `/var/log/${dataset}.log` }, offset: Math.floor(this.#next() * 1e7) },
    }
  }

  #sshd(i: number, host: string, user: string, ip: string): EcsEvent {
    const failed = this.#next() < 0.4
    const port = 1024 + Math.floor(this.#next() * 60_000)
    const message = `${failed ? 'Failed' : 'Accepted'} password for ${user} from ${ip} port ${port} ssh2`
    const event = this.#common('sshd', host, `<38>Jan 15 10:${i % 60}:00 ${host} sshd[${i % 30_000}]: ${message}`)
    const outcome = failed ? 'failure' : 'success'
    Object.assign(event.event as object, {
      category: ['authentication'],
      type: ['start'],
      action: 'ssh_login',
      outcome,
    })
    return {
      ...event,
      message,
      user: { name: user },
      source: { ip, port },
      process: { name: 'sshd', pid: i % 30_000 },
      related: { ip: [ip], user: [user] },
    }
  }

  #web(i: number, host: string, user: string, ip: string): EcsEvent {
    const path = this.#pick(paths)
    const status = this.#pick(statuses)
    const bytes = Math.floor(this.#next() * 50_000)
    const original = `${ip} - ${user} [15/Jan/2026:10:00:${i % 60} +0000] "GET ${path}?s=${this.#hex(8)} HTTP/1.1" ${status} ${bytes} "-" "Mozilla/5.0 (X11; Linux x86_64)"`
    const event = this.#common('nginx', host, original)
    Object.assign(event.event as object, { category: ['web'], outcome: status < 400 ? 'success' : 'failure' })
    return {
      ...event,
      message: `GET ${path} ${status}`,
      source: { ip },
      user: { name: user },
      url: { path },
      http: { request: { method: 'GET' }, response: { status_code: status, bytes } },
      user_agent: { original: 'Mozilla/5.0 (X11; Linux x86_64)' },
    }
  }

  #audit(host: string, user: string, ip: string): EcsEvent {
    const id = `${this.#hex(8)}-${this.#hex(4)}-4${this.#hex(3)}-${this.#hex(4)}-${this.#hex(12)}`
    const pod = this.#pick(pods)
    const verb = this.#pick(verbs)
    const original = `{"kind":"Event","auditID":"${id}","verb":"${verb}","user":{"username":"${user}"},"objectRef":{"resource":"pods","name":"${pod}"},"sourceIPs":["${ip}"]}`
    const event = this.#common('k8s-audit', host, original)
    Object.assign(event.event as object, { action: verb, id, outcome: 'success' })
    return {
      ...event,
      message: `${user} ${verb} pods ${pod}`,
      user: { name: user },
      source: { ip },
      orchestrator: { resource: { name: pod, type: 'pods' }, namespace: 'shop' },
    }
  }

  #container(i: number, host: string): EcsEvent {
    const rare = i % 50_000 === 8 ? ` ${rareWord}` : ''
    const at = Math.floor(this.#next() * 400)
    const message = `java.lang.IllegalStateException: order ${this.#hex(10)} was paid twice${rare} at com.shop.Order.pay(Order.java:${at})`
    const event = this.#common('container', host, `2026-01-15T10:00:00Z stderr F ${message}`, 'error')
    Object.assign(event.event as object, { outcome: 'unknown' })
    return {
      ...event,
      message,
      trace: { id: this.#hex(32) },
      container: { id: this.#hex(12), name: this.#pick(pods) },
    }
  }

  #firewall(host: string, ip: string): EcsEvent {
    const to = this.#address()
    const message = `Deny tcp src outside:${ip}/${Math.floor(this.#next() * 60_000)} dst inside:${to}/443`
    const original = `<166>Jan 15 2026 10:00:00: %FW-4-106023: ${message} by access-group "outside_in" [0x0, 0x0]`
    const event = this.#common('firewall', host, original)
    Object.assign(event.event as object, { category: ['network'], action: 'deny', outcome: 'failure' })
    return { ...event, message, source: { ip }, destination: { ip: to, port: 443 }, network: { transport: 'tcp' } }
  }
}
