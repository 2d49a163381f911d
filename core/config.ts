// The configuration file: YAML, every key checked, `${VAR}` from the environment. docs/configuration.md lists the keys.

import { readFileSync } from 'node:fs'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import Type, { type Static } from 'typebox'
import { Value } from 'typebox/value'
import { isNode, LineCounter, parseDocument } from 'yaml'
import { PipelineError } from './errors.ts'

const strict = { additionalProperties: false } as const
const Port = Type.Integer({ minimum: 0, maximum: 65535 })
const Bytes = Type.String({ pattern: '^[0-9]+ ?(B|KiB|MiB|GiB|TiB)$' })
const Duration = Type.String({ pattern: '^[0-9]+ ?(ms|s|m|h|d)$' })

const pemFiles = {
  ca: Type.Optional(Type.String({ description: 'PEM file.' })),
  cert: Type.Optional(Type.String({ description: 'PEM file.' })),
  key: Type.Optional(Type.String({ description: 'PEM file.' })),
}

export const ConfigSchema = Type.Object(
  {
    data: Type.String({ default: './data', description: 'Folder of everything kept: ledger, segments, documents.' }),
    workers: Type.Integer({
      minimum: 0,
      maximum: 256,
      default: 0,
      description: 'Parse and detect threads; 0 = cores - 1.',
    }),
    zone: Type.String({ default: 'UTC', description: 'Time zone of senders that write local time without one.' }),
    http: Type.Object(
      {
        host: Type.String({ default: '127.0.0.1' }),
        port: { ...Port, default: 8514 },
        names: Type.Array(Type.String(), { default: [], description: 'Host names browsers may use beside localhost.' }),
        ingestToken: Type.Optional(
          Type.String({ minLength: 16, description: 'Bearer token POST /v1/logs must carry.' }),
        ),
        metricsToken: Type.Optional(
          Type.String({ minLength: 16, description: 'Bearer token of GET /metrics from other machines.' }),
        ),
        maxBody: { ...Bytes, default: '16 MiB' },
      },
      { ...strict, default: {} },
    ),
    syslog: Type.Object(
      {
        host: Type.String({ default: '127.0.0.1' }),
        port: { ...Port, default: 5514 },
        udp: Type.Boolean({ default: true }),
        tcp: Type.Boolean({ default: true }),
        maxMessage: { ...Bytes, default: '64 KiB' },
        maxConnections: Type.Integer({ minimum: 1, default: 2000 }),
        maxConnectionsPerPeer: Type.Integer({ minimum: 1, default: 200 }),
      },
      { ...strict, default: {} },
    ),
    files: Type.Array(
      Type.Object(
        {
          path: Type.String({ description: 'A file or a glob. Name rotated files too: app.log*' }),
          dataset: Type.Optional(Type.String()),
          zone: Type.Optional(Type.String()),
        },
        strict,
      ),
      { default: [] },
    ),
    containers: Type.Object(
      {
        pods: Type.Optional(Type.String({ description: 'Usually /var/log/pods.' })),
        docker: Type.Optional(Type.String({ description: 'Usually /var/lib/docker/containers.' })),
        cluster: Type.Optional(Type.String({ description: 'Name of the cluster these pods are of.' })),
      },
      { ...strict, default: {} },
    ),
    bus: Type.Object(
      {
        segment: { ...Bytes, default: '64 MiB' },
        keepFor: { ...Duration, default: '30d' },
        keepBytes: { ...Bytes, default: '20 GiB' },
        kafka: Type.Optional(
          Type.Object(
            {
              brokers: Type.Array(Type.String(), { minItems: 1, description: 'host:port of any brokers.' }),
              topic: Type.String({ default: 'haetae.raw.v1', pattern: '^[A-Za-z0-9._-]{1,249}$' }),
              partitions: Type.Integer({ minimum: 1, maximum: 10_000, default: 12 }),
              replication: Type.Optional(Type.Integer({ minimum: 1, maximum: 10 })),
              mechanism: Type.Union(
                [Type.Literal('PLAIN'), Type.Literal('SCRAM-SHA-256'), Type.Literal('SCRAM-SHA-512')],
                { default: 'SCRAM-SHA-512' },
              ),
              username: Type.Optional(Type.String({ description: 'With it SASL is used.' })),
              password: Type.Optional(Type.String()),
              tls: Type.Optional(Type.Object({ ...pemFiles, serverName: Type.Optional(Type.String()) }, strict)),
            },
            strict,
          ),
        ),
      },
      { ...strict, default: {} },
    ),
    store: Type.Object(
      {
        keepFor: { ...Duration, default: '365d' },
        keepBytes: Type.Optional({
          ...Bytes,
          description: 'On disk; beyond it the oldest events go, whatever their age.',
        }),
        hold: Type.Array(
          Type.Object(
            {
              reason: Type.String({ minLength: 1, description: 'Why, for people.' }),
              query: Type.Optional(Type.String({ description: 'A search line without pipes.' })),
              from: Type.Optional(Type.String({ description: 'Of event time; ISO 8601, without a zone UTC.' })),
              to: Type.Optional(Type.String({ description: 'The same, exclusive.' })),
              until: Type.Optional(
                Type.String({ description: 'End of the hold; without it, as long as it stands here.' }),
              ),
            },
            strict,
          ),
          { default: [], description: 'Legal holds: events that stay whatever their age and the size.' },
        ),
        cache: { ...Bytes, default: '64 MiB' },
        elasticsearch: Type.Optional(
          Type.Object(
            {
              nodes: Type.Array(Type.String({ pattern: '^https?://' }), { minItems: 1 }),
              prefix: Type.String({ default: 'haetae', pattern: '^[a-z][a-z0-9-]{0,63}$' }),
              shards: Type.Integer({ minimum: 1, maximum: 100, default: 1, description: 'Of each day.' }),
              replicas: Type.Integer({ minimum: 0, maximum: 10, default: 1 }),
              apiKey: Type.Optional(Type.String()),
              username: Type.Optional(Type.String()),
              password: Type.Optional(Type.String()),
              tls: Type.Optional(
                Type.Object(
                  {
                    ...pemFiles,
                    fingerprint: Type.Optional(Type.String({ description: "SHA-256 of the CA's certificate." })),
                  },
                  strict,
                ),
              ),
            },
            strict,
          ),
        ),
      },
      { ...strict, default: {} },
    ),
    enrich: Type.Object(
      {
        geo: Type.Array(Type.String(), { default: [], description: 'MMDB files: places and networks of addresses.' }),
        tables: Type.Array(
          Type.Object(
            {
              file: Type.String({ description: 'CSV; first column: the key, others: the fields to set.' }),
              field: Type.String({ description: 'The field whose value is looked up.' }),
            },
            strict,
          ),
          { default: [] },
        ),
        userAgent: Type.Boolean({ default: true, description: 'Names and versions from user_agent.original.' }),
      },
      { ...strict, default: {} },
    ),
    masking: Type.Optional(
      Type.Object(
        {
          rules: Type.Array(
            Type.Union([Type.Literal('rrn'), Type.Literal('card'), Type.Literal('phone'), Type.Literal('email')]),
            { default: ['rrn', 'card', 'phone', 'email'] },
          ),
          fields: Type.Array(Type.String(), { default: [], description: 'Masked whole, wherever their values stand.' }),
          except: Type.Array(Type.String(), { default: [], description: 'Fields that stay as they are.' }),
          period: Type.Union(
            [Type.Literal('day'), Type.Literal('month'), Type.Literal('quarter'), Type.Literal('year')],
            { default: 'month', description: 'As long a value keeps its pseudonym.' },
          ),
          keyFile: Type.String({ description: 'Key of the pseudonyms: 32 bytes as hex or base64.' }),
          sealKeyFile: Type.Optional(
            Type.String({ description: 'Key that seals the original line; without it, none.' }),
          ),
        },
        strict,
      ),
    ),
    packs: Type.Array(Type.String(), { default: [], description: 'Folders with packs of your own.' }),
    rules: Type.Array(Type.String(), { default: [], description: 'Folders or files with Sigma rules of your own.' }),
    lists: Type.Array(Type.String(), {
      default: [],
      description: "Folders with lists for rules' placeholders: NAME.txt, one value a line.",
    }),
    exceptions: Type.Optional(
      Type.String({ description: 'Folder of exceptions to rules; default: exceptions in the data folder.' }),
    ),
    lateness: {
      ...Duration,
      default: '10m',
      description: 'How late an event may come and still count for a correlation.',
    },
    correlationMemory: {
      ...Bytes,
      default: '256 MiB',
      description:
        'What all correlations may keep together; beyond, the one that keeps most lets go of its oldest groups.',
    },
  },
  strict,
)

export type Config = Static<typeof ConfigSchema>

/**
 * @param path undefined: defaults only
 * @throws CONFIG_INVALID with file, line and, for unknown keys, the nearest known one
 */
export function loadConfig(path?: string, env: Readonly<Record<string, string | undefined>> = process.env): Config {
  if (path === undefined) return Value.Default(ConfigSchema, {}) as Config
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw new PipelineError('CONFIG_INVALID', { place: path, problem: `cannot be read (${(error as Error).message})` })
  }
  return parseConfig(text, path, env)
}

export function parseConfig(text: string, path: string, env: Readonly<Record<string, string | undefined>>): Config {
  const lines = new LineCounter()
  const doc = parseDocument(substitute(text, path, env), { lineCounter: lines })
  const syntax = doc.errors[0]
  if (syntax) {
    const { line } = lines.linePos(syntax.pos[0])
    throw new PipelineError('CONFIG_INVALID', {
      place: `${path}:${line}`,
      problem: syntax.message.split('\n')[0] ?? '',
    })
  }
  const config = Value.Default(ConfigSchema, withoutNulls(doc.toJS({ maxAliasCount: 100 })) ?? {})
  for (const error of Value.Errors(ConfigSchema, config)) {
    const keys = error.instancePath.split('/').slice(1)
    const extra = error.keyword === 'boolean' ? keys.pop() : undefined // additionalProperties: false, per key
    const at = doc.getIn(extra === undefined ? keys : [...keys, extra], true)
    const offset = isNode(at) ? at.range?.[0] : undefined
    const place = offset === undefined ? path : `${path}:${lines.linePos(offset).line}`
    if (extra !== undefined) {
      const near = nearest(extra, knownKeys(keys))
      throw new PipelineError('CONFIG_INVALID', {
        place,
        problem: `unknown key '${extra}'`,
        hint: near ? `did you mean '${near}'?` : 'docs/configuration.md lists the keys',
      })
    }
    throw new PipelineError('CONFIG_INVALID', { place, problem: `${keys.join('.') || 'the file'} ${error.message}` })
  }
  const valid = config as Config
  const { host, ingestToken } = valid.http
  if (!isLoopback(host) && ingestToken === undefined) {
    throw new PipelineError('CONFIG_INVALID', {
      place: path,
      problem: `http.host ${host} can be reached by others, and http.ingestToken is not set`,
      hint: 'set a token that senders must carry, or stay on 127.0.0.1',
    })
  }
  const base = dirname(resolve(path))
  const here = (p: string) => (isAbsolute(p) ? p : join(base, p))
  const { masking, enrich } = valid
  return {
    ...valid,
    data: here(valid.data),
    packs: valid.packs.map(here),
    rules: valid.rules.map(here),
    lists: valid.lists.map(here),
    ...(valid.exceptions !== undefined && { exceptions: here(valid.exceptions) }),
    enrich: {
      ...enrich,
      geo: enrich.geo.map(here),
      tables: enrich.tables.map((table) => ({ ...table, file: here(table.file) })),
    },
    ...(masking && {
      masking: {
        ...masking,
        keyFile: here(masking.keyFile),
        ...(masking.sealKeyFile !== undefined && { sealKeyFile: here(masking.sealKeyFile) }),
      },
    }),
  }
}

/** `containers:` with nothing below it means what leaving it out means. */
function withoutNulls(node: unknown): unknown {
  if (node === null || typeof node !== 'object') return node ?? undefined
  if (Array.isArray(node)) return node.map(withoutNulls)
  return Object.fromEntries(
    Object.entries(node)
      .map(([key, value]) => [key, withoutNulls(value)])
      .filter(([, value]) => value !== undefined),
  )
}

const isLoopback = (host: string) => host === 'localhost' || host === '::1' || /^127(\.\d+){3}$/.test(host)

/** `${VAR}`, `${VAR:-default}`, `${VAR:?message}`, `$$` for a dollar sign. A value with a newline is refused. */
function substitute(text: string, path: string, env: Readonly<Record<string, string | undefined>>): string {
  const lines = text.split('\n')
  return lines
    .map((line, i) =>
      /^\s*#/.test(line)
        ? line
        : line.replace(
            /\$\$|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::([-?])([^}]*))?\}/g,
            (found, name?: string, kind?: string, rest = '') => {
              if (name === undefined) return '$'
              const value = env[name]
              const refuse = (problem: string): never => {
                throw new PipelineError('CONFIG_INVALID', { place: `${path}:${i + 1}`, problem })
              }
              if (value === undefined || value === '') {
                if (kind === '-') return rest
                return refuse(kind === '?' ? rest : `${found} is not set; write \${${name}:-default} or set it`)
              }
              return /[\r\n]/.test(value) ? refuse(`the value of ${name} holds a line break`) : value
            },
          ),
    )
    .join('\n')
}

function knownKeys(path: readonly string[]): string[] {
  let node: unknown = ConfigSchema
  for (const key of path) {
    const { properties, items } = node as { properties?: Record<string, unknown>; items?: unknown }
    node = properties?.[key] ?? items
  }
  return Object.keys((node as { properties?: object } | undefined)?.properties ?? {})
}

/** The known word at an edit distance of at most 2, for "did you mean". */
export function nearest(word: string, known: Iterable<string>): string | undefined {
  let best: string | undefined
  let bestDistance = 3
  for (const candidate of known) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase(), bestDistance)
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance]
  }
  return best
}

function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1
      next[j] = Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + cost)
    }
    row = next
  }
  return row[b.length] ?? limit
}

const byteUnits = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 } as const
const timeUnits = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** `64 MiB` -> 67108864. The schema has checked the form. */
export function bytesOf(text: string): number {
  const [, digits = '', unit = 'B'] = /^([0-9]+) ?([A-Za-z]+)$/.exec(text) ?? []
  return Number(digits) * byteUnits[unit as keyof typeof byteUnits]
}

/** `30d` -> milliseconds. The schema has checked the form. */
export function durationMs(text: string): number {
  const [, digits = '', unit = 'ms'] = /^([0-9]+) ?([a-z]+)$/.exec(text) ?? []
  return Number(digits) * timeUnits[unit as keyof typeof timeUnits]
}
