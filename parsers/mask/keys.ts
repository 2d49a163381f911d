// The operator's keys, and what is derived from them. A key file holds 32 random bytes as 64 hex digits or as base64.

import { createHash, hkdfSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { PipelineError } from '../../core/errors.ts'

export const KEY_BYTES = 32

/** @throws CONFIG_INVALID naming the file; never its content */
export function readKeyFile(path: string): Buffer {
  let text: string
  try {
    text = readFileSync(path, 'utf8').trim()
  } catch (error) {
    throw new PipelineError('CONFIG_INVALID', {
      place: path,
      problem: `cannot be read (${(error as NodeJS.ErrnoException).code})`,
    })
  }
  const key = /^[0-9a-fA-F]{64}$/.test(text)
    ? Buffer.from(text, 'hex')
    : /^[A-Za-z0-9+/_-]{43}=?$/.test(text)
      ? Buffer.from(text, 'base64')
      : undefined
  if (key?.length !== KEY_BYTES)
    throw new PipelineError('CONFIG_INVALID', {
      place: path,
      problem: 'is no key of 32 bytes as hex or base64',
      hint: "make one with 'openssl rand -hex 32'",
    })
  return key
}

/** A key for one purpose, so that one key file never serves two (RFC 5869). */
export function deriveKey(key: Uint8Array, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', key, new Uint8Array(0), `haetae/mask/${purpose}`, KEY_BYTES))
}

/** Eight hex digits that tell keys apart without telling the key. */
export const keyName = (key: Uint8Array): string =>
  createHash('sha256').update('haetae/key-name').update(key).digest('hex').slice(0, 8)
