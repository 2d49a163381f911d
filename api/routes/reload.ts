// Packs and rules taken anew, on request.

import type { ReloadState } from '../../core/api.ts'
import { PipelineError } from '../../core/errors.ts'
import { auditEntry } from '../audit.ts'
import type { RouteContext } from '../options.ts'
import { withStatus } from '../problem.ts'
import type { Api } from '../search-line.ts'

export function reloadRoutes(app: Api, { reload, now, audit }: RouteContext): void {
  const desk = () => {
    if (reload) return reload
    throw new PipelineError('NOT_FOUND', { what: 'a parser on this node' })
  }

  app.get(
    '/v1/reload',
    { schema: { tags: ['overview'], summary: 'The last time packs and rules were taken anew' } },
    async (): Promise<ReloadState> => {
      const state = desk().state()
      if (!state) throw new PipelineError('NOT_FOUND', { what: 'a reload since the start' })
      return state
    },
  )

  app.post(
    '/v1/reload',
    {
      schema: {
        tags: ['overview'],
        summary: 'Take packs and rules anew from their folders; 422, and nothing changes, when one has a mistake',
      },
    },
    async (request): Promise<ReloadState> => {
      const { reload: start } = desk()
      await audit(auditEntry(request, now(), 'reload'))
      const state = await start()
      if (state.outcome === 'applied') return state
      const problem = `the packs and rules of before go on: ${state.problems.join('; ')}`
      throw withStatus(422, new PipelineError('REQUEST_INVALID', { problem }))
    },
  )
}
