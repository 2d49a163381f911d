// How to reach the brokers: the same for every client this folder opens.

import type { BaseOptions } from '@platformatic/kafka'

export interface KafkaConnection {
  /** `host:port`, any of the cluster's brokers. */
  readonly brokers: readonly string[]
  /** Default `haetae`. Shows in the brokers' logs and quotas. */
  readonly clientId?: string
  readonly sasl?:
    | {
        readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512'
        readonly username: string
        readonly password: string
      }
    /** The token is asked for with every connection, so that it may change. */
    | { readonly mechanism: 'OAUTHBEARER'; readonly token: () => string | Promise<string> }
  /** PEM texts. `{}` for a broker whose certificate the system trusts. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string; readonly serverName?: string }
}

/** A request that is not answered for so long is sent again. */
const REQUEST_TIMEOUT_MS = 30_000
const RETRY_AFTER_MS = 250
const RETRY_AFTER_AT_MOST_MS = 5_000

/** Brokers that are away are waited for: every client tries until it is closed. */
export function clientOptions(connection: KafkaConnection): BaseOptions {
  const { brokers, clientId = 'haetae', sasl, tls } = connection
  return {
    clientId,
    bootstrapBrokers: [...brokers],
    timeout: REQUEST_TIMEOUT_MS,
    retries: true,
    retryDelay: (_client, _operation, attempt) =>
      Math.min(RETRY_AFTER_MS * 2 ** Math.min(attempt - 1, 8), RETRY_AFTER_AT_MOST_MS),
    autocreateTopics: false,
    ...(sasl && { sasl }),
    ...(tls && {
      tls: { ca: tls.ca, cert: tls.cert, key: tls.key },
      tlsServerName: tls.serverName ?? true,
    }),
  }
}
