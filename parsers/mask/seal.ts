// The original of a masked event, sealed: AES-256-GCM (NIST SP 800-38D) under a key the operator holds.
//
//   v1.<key name>.<base64url of nonce (12) | ciphertext | tag (16)>
//
// The nonce is made from text and context by HMAC, so that parsing a line again seals it to the same text: equal lines of
// one source and receive time look equal, as they do in the ledger. What stands around the event is authenticated with it:
// a sealed text that is moved to another event does not open.

import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto'
import { PipelineError } from '../../core/errors.ts'
import { deriveKey, keyName } from './keys.ts'

const NONCE_BYTES = 12
const TAG_BYTES = 16

export interface Sealer {
  /** @param context what the text belongs to; the same is needed to open it */
  seal(text: string, context: string): string
}

export function createSealer(key: Uint8Array): Sealer {
  const sealKey = deriveKey(key, 'seal')
  const nonceKey = deriveKey(key, 'seal nonce')
  const name = keyName(key)
  return {
    seal(text, context) {
      const nonce = createHmac('sha256', nonceKey)
        .update(context)
        .update('\0')
        .update(text)
        .digest()
        .subarray(0, NONCE_BYTES)
      const cipher = createCipheriv('aes-256-gcm', sealKey, nonce).setAAD(Buffer.from(context))
      const body = Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()])
      return `v1.${name}.${body.toString('base64url')}`
    },
  }
}

/**
 * Opens what `seal` made; for a privileged role alone, who leaves a trace (the caller's duty).
 * @throws REQUEST_INVALID when it is no sealed text, was sealed with another key, or was changed or moved
 */
export function openSealed(sealed: string, context: string, key: Uint8Array): string {
  const refuse = (problem: string): never => {
    throw new PipelineError('REQUEST_INVALID', { problem })
  }
  const [, name, base64 = ''] = /^v1\.([0-9a-f]{8})\.([A-Za-z0-9_-]+)$/.exec(sealed) ?? refuse('this is no sealed text')
  if (name !== keyName(key)) refuse(`sealed with the key named ${name}, not with ${keyName(key)}`)
  const body = Buffer.from(base64, 'base64url')
  if (body.length < NONCE_BYTES + TAG_BYTES) refuse('this is no sealed text')
  const open = createDecipheriv('aes-256-gcm', deriveKey(key, 'seal'), body.subarray(0, NONCE_BYTES))
  open.setAAD(Buffer.from(context)).setAuthTag(body.subarray(-TAG_BYTES))
  try {
    return open.update(body.subarray(NONCE_BYTES, -TAG_BYTES), undefined, 'utf8') + open.final('utf8')
  } catch {
    return refuse('the sealed text was changed, or belongs to another event')
  }
}
