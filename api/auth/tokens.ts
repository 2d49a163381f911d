// Secrets that travel: made, hashed, compared. What is stored is always the hash.

import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'

/** 32 random bytes, base64url: 43 characters. */
export function newToken(): string {
  return randomBytes(32).toString('base64url')
}

/** Fast on purpose: the input has 256 random bits, there is nothing to guess. */
export function hashToken(token: string): string {
  return createHash('sha256').update(token).digest('base64url')
}

/** Whether both are the same, in a time that tells nothing. */
export function sameToken(given: string, expected: string): boolean {
  return timingSafeEqual(Buffer.from(hashToken(given)), Buffer.from(hashToken(expected)))
}

export interface SignInLinks {
  /** A token that signs in once, before it expires. */
  issue(): string
  /** True once per issued token. */
  redeem(token: string): boolean
}

/** In memory: a restart takes all links back. At most 20 are open; the oldest gives way. */
export function openSignInLinks({ now, lifeMs }: { now: () => number; lifeMs: number }): SignInLinks {
  const open = new Map<string, number>()
  return {
    issue() {
      const token = newToken()
      for (const [hash, expiresAt] of open) if (expiresAt <= now() || open.size >= 20) open.delete(hash)
      open.set(hashToken(token), now() + lifeMs)
      return token
    },
    redeem(token) {
      const hash = hashToken(token)
      const expiresAt = open.get(hash)
      open.delete(hash)
      return expiresAt !== undefined && now() < expiresAt
    },
  }
}
