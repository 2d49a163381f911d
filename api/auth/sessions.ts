// Server-side sessions: the browser holds 256 random bits, documents hold their hash.

import type { Documents } from '../../core/documents.ts'
import { hashToken, newToken } from './tokens.ts'

export interface Session {
  readonly user: string
  /** ms since 1970. */
  readonly createdAt: number
  readonly lastSeenAt: number
}

export interface Sessions {
  /** @returns the token for the cookie; nobody can read it again */
  start(user: string): Promise<string>
  /** The session of a token, its idle time started anew; undefined when there is none or it has ended. */
  find(token: string): Promise<Session | undefined>
  /** Whether the session goes on; does not count as a use of it. */
  isOpen(token: string): Promise<boolean>
  end(token: string): Promise<void>
}

const SESSIONS = 'sessions'
/** `lastSeenAt` is written this seldom: a page that asks each second must not fsync each second. */
const TOUCH_EVERY_MS = 60_000

export function openSessions(options: {
  documents: Documents
  now: () => number
  idleMs: number
  maxMs: number
}): Sessions {
  const { documents, now, idleMs, maxMs } = options
  const isOver = (session: Session) => {
    const at = now()
    // A clock that was set back must not make a session last longer.
    return (
      at >= session.lastSeenAt + idleMs || at >= session.createdAt + maxMs || at < session.createdAt - TOUCH_EVERY_MS
    )
  }

  return {
    async start(user) {
      for (const { id, value } of await documents.list<Session>(SESSIONS)) {
        if (isOver(value)) await documents.delete(SESSIONS, id)
      }
      const token = newToken()
      const session: Session = { user, createdAt: now(), lastSeenAt: now() }
      await documents.put(SESSIONS, hashToken(token), session)
      return token
    },
    async find(token) {
      const id = hashToken(token)
      const found = await documents.get<Session>(SESSIONS, id)
      if (!found) return undefined
      if (isOver(found.value)) {
        await documents.delete(SESSIONS, id)
        return undefined
      }
      if (now() - found.value.lastSeenAt >= Math.min(TOUCH_EVERY_MS, idleMs / 4)) {
        const touched = { ...found.value, lastSeenAt: now() }
        // A sign-out between read and write must stay a sign-out.
        await documents.put(SESSIONS, id, touched, found.seq).catch(() => undefined)
      }
      return found.value
    },
    async isOpen(token) {
      const found = await documents.get<Session>(SESSIONS, hashToken(token))
      return found !== undefined && !isOver(found.value)
    },
    async end(token) {
      await documents.delete(SESSIONS, hashToken(token))
    },
  }
}
