import type { RulesOutput, SourcesOutput } from '../../core/api.ts'
import type { RouteContext } from '../options.ts'
import type { Api } from '../search-line.ts'

export function sourceRoutes(app: Api, { sources }: RouteContext): void {
  app.get(
    '/v1/sources',
    { schema: { tags: ['overview'], summary: 'Every input: what came in, what became of it' } },
    async (): Promise<SourcesOutput> => ({ sources: sources() }),
  )
}

export function ruleRoutes(app: Api, { rules }: RouteContext): void {
  app.get(
    '/v1/rules',
    { schema: { tags: ['overview'], summary: 'Rules that run, and files that were refused with the reason' } },
    async (): Promise<RulesOutput> => rules(),
  )
}
