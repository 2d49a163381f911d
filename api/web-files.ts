// The built UI. Paths of the app itself get its index.html; without a build, a page says how to make one.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import fastifyStatic from '@fastify/static'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { notFound, sendProblem, toProblem } from './problem.ts'

const notBuilt = `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Haetae</title>
<h1>Haetae is running</h1>
<p>The web interface has not been built. Run <code>npm run build:web</code> in the project folder, then start again.</p>
<p>The API is here: <a href="/docs">/docs</a>.</p>
</html>
`

export async function serveWebFiles(app: FastifyInstance, webDir: string): Promise<void> {
  const built = existsSync(join(webDir, 'index.html'))
  if (built) {
    await app.register(fastifyStatic, {
      root: webDir,
      index: false,
      wildcard: true,
      setHeaders(reply, path) {
        // Vite puts a hash of the content into the names under assets/.
        const forEver = path.includes('/assets/') || path.includes('\\assets\\')
        reply.header('cache-control', forEver ? 'public, max-age=31536000, immutable' : 'no-cache')
      },
    })
  }
  const sendApp = (reply: FastifyReply) => {
    if (built) return reply.header('cache-control', 'no-cache').sendFile('index.html')
    return reply.header('cache-control', 'no-store').type('text/html; charset=utf-8').send(notBuilt)
  }
  app.get('/', { schema: { hide: true } }, (_request, reply) => sendApp(reply))
  app.setNotFoundHandler((request: FastifyRequest, reply: FastifyReply) => {
    const path = request.url.split('?')[0] ?? ''
    const isPage = request.method === 'GET' && /\btext\/html\b/.test(request.headers.accept ?? '')
    if (isPage && !/^\/(?:v1|docs|assets)(?:\/|$)/.test(path)) return sendApp(reply)
    sendProblem(reply, toProblem(notFound(`${request.method} ${path.slice(0, 200)}`), ''))
    return reply
  })
}
