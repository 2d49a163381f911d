// Searches to come back to: saved under a name, the asking user's last ones, and links that keep their range.

import { randomBytes } from 'node:crypto'
import type { HistoryOutput, SavedOutput, SavedSearch, ShareOutput } from '../../core/api.ts'
import { PipelineError } from '../../core/errors.ts'
import { type AuditEntry, auditEntry } from '../audit.ts'
import type { RouteContext } from '../options.ts'
import { notFound } from '../problem.ts'
import { parseQuery } from '../query/parse-query.ts'
import { EventParams, RangeBody, SavedBody } from '../schemas.ts'
import type { Api } from '../search-line.ts'
import { parseRange } from '../time.ts'

const SAVED = 'saved-searches'
const SHARES = 'shares'
const MAX_SAVED = 1000
/** Entries of the audit trail that the history looks through. */
const HISTORY_ENTRIES = 1000
const HISTORY = 50

export function savedRoutes(app: Api, { documents, now, audit }: RouteContext): void {
  app.get(
    '/v1/saved',
    { schema: { tags: ['search'], summary: 'Saved searches, by name' } },
    async (): Promise<SavedOutput> => {
      const found = await documents.list<SavedSearch>(SAVED, { limit: MAX_SAVED })
      return { saved: found.map(({ value }) => value).sort((a, b) => (a.name < b.name ? -1 : 1)) }
    },
  )

  app.post(
    '/v1/saved',
    { schema: { tags: ['search'], summary: 'Save a search; one of the same name is replaced', body: SavedBody } },
    async (request): Promise<SavedSearch> => {
      const { name, query = '', since = 'now-15m', until = 'now' } = request.body
      parseQuery(query, { nowMs: now() }) // what cannot be read is not worth keeping
      parseRange({ since, until }, now())
      const all = await documents.list<SavedSearch>(SAVED, { limit: MAX_SAVED })
      const before = all.find(({ value }) => value.name === name)
      if (!before && all.length >= MAX_SAVED) {
        throw new PipelineError('REQUEST_INVALID', { problem: `${MAX_SAVED} searches are saved, which is the limit` })
      }
      const id = before?.id ?? randomBytes(9).toString('base64url')
      const saved = { id, name, query, since, until, owner: request.actor?.user ?? 'nobody', at: now() }
      await documents.put(SAVED, id, saved)
      await audit(auditEntry(request, now(), 'saved', { query, detail: `${id} ${name}` }))
      return saved
    },
  )

  app.delete(
    '/v1/saved/:id',
    { schema: { tags: ['search'], summary: 'Forget a saved search', params: EventParams } },
    async (request, reply): Promise<void> => {
      const { id } = request.params
      if (!(await documents.get(SAVED, id))) throw notFound(`saved search ${id}`)
      await documents.delete(SAVED, id)
      await audit(auditEntry(request, now(), 'saved', { detail: `${id} deleted` }))
      reply.code(204)
    },
  )

  app.get(
    '/v1/history',
    { schema: { tags: ['search'], summary: 'What the asking user searched last' } },
    async (request): Promise<HistoryOutput> => {
      const user = request.actor?.user
      const trail = await documents.list<AuditEntry>('audit', { descending: true, limit: HISTORY_ENTRIES })
      const searches = new Map<string, number>()
      for (const { value } of trail) {
        if (value.action !== 'search' || value.actor !== user || !value.query || searches.has(value.query)) continue
        searches.set(value.query, value.at)
        if (searches.size >= HISTORY) break
      }
      return { searches: [...searches].map(([query, at]) => ({ query, at })) }
    },
  )

  app.post(
    '/v1/shares',
    { schema: { tags: ['search'], summary: 'A link to a search with its range as it is now', body: RangeBody } },
    async (request): Promise<ShareOutput> => {
      const { query = '' } = request.body
      parseQuery(query, { nowMs: now() })
      const range = parseRange(request.body, now())
      const share = { id: randomBytes(9).toString('base64url'), query, ...range }
      await documents.put(SHARES, share.id, { ...share, by: request.actor?.user ?? 'nobody', at: now() })
      await audit(auditEntry(request, now(), 'share', { query, range, detail: share.id }))
      return share
    },
  )

  app.get(
    '/v1/shares/:id',
    { schema: { tags: ['search'], summary: 'What a link leads to', params: EventParams } },
    async (request): Promise<ShareOutput> => {
      const found = await documents.get<ShareOutput>(SHARES, request.params.id)
      if (!found) throw notFound(`share ${request.params.id}`)
      const { id, query, since, until } = found.value
      return { id, query, since, until }
    },
  )
}
