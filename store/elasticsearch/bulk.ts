// Writes documents until Elasticsearch has each, says it has it already, or says that it can never take it.
//
// - requests of at most `#limit` bytes: halved when the cluster is too busy or the request too large, grown again slowly
// - of a request that is answered only the items that may still succeed are tried again
// - while the cluster refuses everything (starting, out of disk, read-only) we wait and drop nothing: the caller waits too
// - a document that is refused for what it holds is written once more without columns of its own (toJson, plain); refused
//   again it goes to the dead letters with the reason

import type { Counters } from '../../core/counters.ts'
import { type Answer, type Ask, isPassing, pause, type Requests, reasonOf, refused } from './client.ts'

export interface BulkItem {
  readonly index: string
  readonly id: string
  /** `index` replaces what is there, on condition of its version. */
  readonly operation: 'create' | 'index'
  readonly version?: { readonly seqNo: number; readonly term: number }
  json(plain: boolean): string
}

/** `there`: the id or version was taken before. `dead`: it is with the dead letters. */
export type Outcome = 'written' | 'there' | 'dead'

export interface BulkOptions {
  readonly requests: Requests
  readonly counters: Counters
  readonly signal: AbortSignal
  readonly deadLetters: string
  readonly onWait?: (problem: string) => void
}

interface ItemAnswer {
  readonly status: number
  readonly error?: { readonly type: string; readonly reason?: string }
}
interface BulkAnswer {
  readonly items: readonly Record<string, ItemAnswer>[]
}

const FIRST_LIMIT = 4 * 1024 * 1024
const LEAST = 64 * 1024
const MOST = 10 * 1024 * 1024
const IN_FLIGHT = 4
/** Of a single item: it may succeed later. A block (read-only, disk full) is 403 or 429. */
const mayPass = ({ status, error }: ItemAnswer) =>
  isPassing(status) || status === 500 || (error?.type === 'cluster_block_exception' && status === 403)

export class BulkWriter {
  readonly #options: BulkOptions
  #limit = FIRST_LIMIT

  constructor(options: BulkOptions) {
    this.#options = options
  }

  /** @returns one outcome an item, once all are decided. @throws when the store closes before, or refuses us altogether */
  async write(items: readonly BulkItem[]): Promise<Outcome[]> {
    const outcomes = new Array<Outcome>(items.length)
    const lines = items.map((item, i) => ({ i, item, plain: false, text: format(item, false) }))
    let at = 0
    const take = () => {
      const mine: Line[] = []
      for (let bytes = 0; at < lines.length; at++) {
        const line = lines[at] as Line
        bytes += line.text.length
        if (mine.length > 0 && bytes > this.#limit) break
        mine.push(line)
      }
      return mine
    }
    const worker = async () => {
      for (let mine = take(); mine.length > 0; mine = take()) await this.#writeSome(mine, outcomes)
    }
    await Promise.all(Array.from({ length: IN_FLIGHT }, worker))
    return outcomes
  }

  async #writeSome(lines: Line[], outcomes: Outcome[]): Promise<void> {
    const { requests, counters, signal, onWait } = this.#options
    let left = lines
    for (let attempt = 0; left.length > 0; ) {
      signal.throwIfAborted()
      const ask: Ask = { method: 'POST', path: '/_bulk', bulk: left.map(({ text }) => text).join(''), signal }
      const answer: Answer<BulkAnswer> = await requests.once<BulkAnswer>(ask)
      counters.add('store_bulk_requests_total')
      if (answer.status === 413 || (answer.status === 400 && left.length > 1)) {
        // Too large, or one that spoils the request: halves until it is alone.
        this.#limit = Math.max(LEAST, this.#limit / 2)
        if (left.length > 1) {
          const middle = left.length >>> 1
          await this.#writeSome(left.slice(0, middle), outcomes)
          left = left.slice(middle)
          continue
        }
      }
      if (answer.status === 413 || answer.status === 400) {
        left = await this.#refused(left, answer.status, reasonOf(answer.body), outcomes)
        continue
      }
      if (isPassing(answer.status) || answer.status === 500 || isBlock(answer)) {
        if (answer.status === 429) this.#limit = Math.max(LEAST, this.#limit / 2)
        counters.add('store_bulk_retries_total', left.length)
        if (attempt === 2) onWait?.(`${answer.status} ${reasonOf(answer.body)}`)
        await pause(attempt++, signal)
        continue
      }
      if (answer.status >= 300) throw refused({ ...ask, bulk: undefined }, answer)

      const again: Line[] = []
      let busy = ''
      for (let i = 0; i < left.length; i++) {
        const line = left[i] as Line
        const item = Object.values(answer.body.items[i] as Record<string, ItemAnswer>)[0] as ItemAnswer
        if (item.status < 300) outcomes[line.i] = 'written'
        else if (item.status === 409) outcomes[line.i] = 'there'
        else if (mayPass(item)) {
          busy ||= `${item.status} ${item.error?.type} ${item.error?.reason ?? ''}`
          again.push(line)
        } else
          again.push(
            ...(await this.#refused([line], item.status, `${item.error?.type}: ${item.error?.reason}`, outcomes)),
          )
      }
      if (busy) {
        this.#limit = Math.max(LEAST, this.#limit / 2)
        counters.add('store_bulk_retries_total', again.length)
        if (attempt === 2) onWait?.(busy)
        await pause(attempt++, signal)
      } else this.#limit = Math.min(MOST, this.#limit * 1.1)
      left = again
    }
  }

  /** @returns what is worth another attempt */
  async #refused(lines: readonly Line[], status: number, reason: string, outcomes: Outcome[]): Promise<Line[]> {
    const { counters, requests, deadLetters, signal } = this.#options
    const again: Line[] = []
    for (const line of lines) {
      if (!line.plain) {
        counters.add('store_plain_events_total')
        again.push({ ...line, plain: true, text: format(line.item, true) })
        continue
      }
      const { index, id } = line.item
      const letter = {
        '@timestamp': Date.now(),
        index,
        id,
        status,
        reason,
        event: line.item.json(true).slice(0, 1_000_000),
      }
      await requests.ask({
        method: 'PUT',
        path: `/${deadLetters}/_doc/${encodeURIComponent(id)}`,
        body: letter,
        signal,
      })
      counters.add('store_dead_letters_total')
      outcomes[line.i] = 'dead'
    }
    return again
  }
}

interface Line {
  readonly i: number
  readonly item: BulkItem
  readonly plain: boolean
  readonly text: string
}

function format(item: BulkItem, plain: boolean): string {
  const { index, id, operation, version } = item
  const action = {
    [operation]: {
      _index: index,
      _id: id,
      ...(version && { if_seq_no: version.seqNo, if_primary_term: version.term }),
    },
  }
  return `${JSON.stringify(action)}\n${item.json(plain)}\n`
}

const isBlock = ({ status, body }: Answer<unknown>) =>
  status === 403 && (body as { error?: { type?: string } } | undefined)?.error?.type === 'cluster_block_exception'
