import type { UnparsedOutput } from '../../core/api.ts'
import { PipelineError } from '../../core/errors.ts'
import type { RouteContext } from '../options.ts'
import type { Api } from '../search-line.ts'

export function unparsedRoutes(app: Api, { unparsed }: RouteContext): void {
  app.get(
    '/v1/unparsed',
    { schema: { tags: ['overview'], summary: 'Lines that could not be read, as templates, and how patterns do' } },
    async (): Promise<UnparsedOutput> => {
      if (!unparsed) throw new PipelineError('NOT_FOUND', { what: 'a parser on this node' })
      return unparsed()
    },
  )
}
