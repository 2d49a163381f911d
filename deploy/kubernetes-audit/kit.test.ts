import { expect, test } from 'vitest'
import { read, readYaml } from '../testing.ts'

interface Rule {
  readonly level: string
  readonly users?: string[]
  readonly userGroups?: string[]
  readonly verbs?: string[]
  readonly resources?: { readonly group?: string; readonly resources?: string[] }[]
  readonly nonResourceURLs?: string[]
}
const policy = readYaml<{ apiVersion: string; kind: string; rules: Rule[] }>(
  'deploy/kubernetes-audit/audit-policy.yaml',
)

interface Asked {
  readonly verb: string
  readonly group?: string
  readonly resource: string
  readonly user?: string
  readonly groups?: string[]
}

/** As the API server decides: the first rule of which every part fits. */
function levelOf({ verb, group = '', resource, user = 'jane', groups = [] }: Asked): string {
  const has = (list: readonly string[] | undefined, fits: (entry: string) => boolean) => !list || list.some(fits)
  const found = policy.rules.find(
    (rule) =>
      !rule.nonResourceURLs &&
      has(rule.users, (name) => name === user) &&
      has(rule.userGroups, (name) => groups.includes(name)) &&
      has(rule.verbs, (name) => name === verb) &&
      (!rule.resources ||
        rule.resources.some((of) => (of.group ?? '') === group && has(of.resources, (name) => name === resource))),
  )
  return found?.level ?? 'None'
}

test.each(
  ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete', 'deletecollection'].flatMap((verb) =>
    ['secrets', 'configmaps', 'serviceaccounts/token'].map((resource) => ({ verb, resource })),
  ),
)('that somebody does $verb with $resource is told, what is in it is not', (asked) => {
  expect(levelOf(asked)).toBe('Metadata')
  expect(levelOf({ ...asked, user: 'system:node:a', groups: ['system:nodes'] })).toBe('Metadata')
})

test.each([
  ['a shell in a pod', { verb: 'create', resource: 'pods/exec' }, 'Metadata'],
  [
    'a binding to a role',
    { verb: 'create', group: 'rbac.authorization.k8s.io', resource: 'clusterrolebindings' },
    'RequestResponse',
  ],
  [
    'a webhook that sees everything',
    { verb: 'create', group: 'admissionregistration.k8s.io', resource: 'mutatingwebhookconfigurations' },
    'RequestResponse',
  ],
  ['a pod with all its privileges', { verb: 'create', resource: 'pods' }, 'Request'],
  ['a debug container', { verb: 'update', resource: 'pods/ephemeralcontainers' }, 'Request'],
  ['a job', { verb: 'create', group: 'batch', resource: 'cronjobs' }, 'Request'],
  ['a token for a service account, by whoever', { verb: 'create', resource: 'serviceaccounts/token' }, 'Metadata'],
  ['a list of pods by a person', { verb: 'list', resource: 'pods' }, 'Metadata'],
  [
    'a list of pods by a node',
    { verb: 'list', resource: 'pods', user: 'system:node:a', groups: ['system:nodes'] },
    'None',
  ],
  [
    'a pod made by a node',
    { verb: 'create', resource: 'pods', user: 'system:node:a', groups: ['system:nodes'] },
    'Request',
  ],
  ['an object of somebody else', { verb: 'delete', group: 'example.com', resource: 'widgets' }, 'Metadata'],
])('%s', (_why, asked, level) => expect(levelOf(asked)).toBe(level))

test('the webhook, the proxy and the node name the same place', () => {
  const kubeconfig = readYaml<{
    clusters: { cluster: { server: string } }[]
    users: { user: Record<string, string> }[]
  }>('deploy/kubernetes-audit/webhook-kubeconfig.yaml')
  const server = new URL(kubeconfig.clusters[0]?.cluster.server ?? '')
  const nginx = read('deploy/kubernetes-audit/nginx.conf')
  expect(server.protocol).toBe('https:')
  expect(nginx).toContain(`listen ${server.port} ssl;`)
  expect(nginx).toContain(`server_name ${server.hostname};`)
  const [, location = ''] = /location ~ (\S+) \{/.exec(nginx) ?? []
  expect(server.pathname).toMatch(new RegExp(location))
  expect(server.pathname).toMatch(/^\/v1\/kubernetes\/audit\/[^/]+$/)
  for (const path of ['/v1/kubernetes/audit/', '/v1/kubernetes/audit/a/b', '/v1/logs', '/x/v1/kubernetes/audit/a']) {
    expect(path).not.toMatch(new RegExp(location))
  }
  // Both ends prove who they are, and the node is given its token.
  expect(Object.keys(kubeconfig.users[0]?.user ?? {}).sort()).toEqual(['client-certificate', 'client-key', 'token'])
  expect(nginx).toContain('ssl_verify_client on;')
})
