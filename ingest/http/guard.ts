// Who may post: nobody's web page, and with a token set, only who knows it.

import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { HttpRefusal } from './refusal.ts'

/** Returns a check to be called with the headers of every request. @throws HttpRefusal (from the check) */
export function makeGuard(token: string | undefined): (headers: IncomingHttpHeaders) => void {
  const wanted = token === undefined ? undefined : digest(token)
  return (headers) => {
    refuseCrossSite(headers)
    if (wanted === undefined) return
    const given = /^Bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1]
    // Digests have one length, so the comparison tells nothing about the token's.
    if (given === undefined || !timingSafeEqual(digest(given), wanted)) {
      throw new HttpRefusal('unauthorized', 'send Authorization: Bearer with the token of this input')
    }
  }
}

/** A text/plain post needs no permission of ours from a browser, so any page could write to a log on the reader's network. */
function refuseCrossSite(headers: IncomingHttpHeaders): void {
  const site = headers['sec-fetch-site']
  const { origin } = headers
  const foreign = origin !== undefined && hostOf(origin) !== normalizeHost(headers.host ?? '', origin)
  if (foreign || site === 'cross-site') {
    throw new HttpRefusal('cross_site', 'web pages of other sites may not post logs here')
  }
}

function hostOf(origin: string): string | undefined {
  return URL.parse(origin)?.host || undefined // `null`, the origin of sandboxed pages, is no URL
}

/** With the default port of the origin's scheme left out, as URL.host does. */
function normalizeHost(host: string, origin: string): string {
  return URL.parse(`${origin.startsWith('https:') ? 'https' : 'http'}://${host}`)?.host ?? ''
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
