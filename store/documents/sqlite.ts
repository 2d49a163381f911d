// Documents in one SQLite file: what changes and must not be lost (alerts, sessions, rule state), on one machine.

import { DatabaseSync, type StatementSync } from 'node:sqlite'
import type { Document, Documents, DocumentWrite } from '../../core/documents.ts'
import { PipelineError } from '../../core/errors.ts'

const DEFAULT_LIMIT = 1000
const MAX_LIMIT = 100_000
/** An id is a key, not a text: longer ones are a mistake of the caller. */
const MAX_KEY_LENGTH = 1024
const LAYOUT_VERSION = 1

interface Row {
  id: string
  value: string
  seq: number
}

/**
 * Opens or creates the file. WAL with synchronous=FULL: a commit is on disk when the promise resolves. Calls run one
 * after the other in call order; each takes the event loop for the time of its fsync, so batch with `putAll`.
 * @param path the database file, or `:memory:`
 * @throws DOCUMENT_CONFLICT from put; REQUEST_INVALID for a collection or id that is no well-formed text of 1..1024
 *   characters, or a value that JSON cannot hold
 */
export async function openDocuments({ path }: { path: string }): Promise<Documents> {
  return new SqliteDocuments(path)
}

class SqliteDocuments implements Documents {
  readonly #db: DatabaseSync
  readonly #get: StatementSync
  readonly #put: StatementSync
  readonly #create: StatementSync
  readonly #replace: StatementSync
  readonly #delete: StatementSync
  readonly #ascending: StatementSync
  readonly #descending: StatementSync
  readonly #last: StatementSync

  constructor(path: string) {
    const db = new DatabaseSync(path, { timeout: 5000 })
    this.#db = db
    try {
      db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF')
      const { user_version: version } = db.prepare('PRAGMA user_version').get() as { user_version: number }
      if (version > LAYOUT_VERSION) {
        throw new PipelineError('CONFIG_INVALID', {
          place: path,
          problem: `written by a newer version (layout ${version}, this one knows ${LAYOUT_VERSION})`,
          hint: 'start that version, or pass another --data',
        })
      }
      // BINARY collation: ids sort by code point, and an embedded NUL is a character like any other.
      db.exec(`CREATE TABLE IF NOT EXISTS documents (
        collection TEXT NOT NULL, id TEXT NOT NULL, value TEXT NOT NULL, seq INTEGER NOT NULL,
        PRIMARY KEY (collection, id)
      ) STRICT, WITHOUT ROWID; PRAGMA user_version = ${LAYOUT_VERSION}`)
      this.#get = db.prepare('SELECT id, value, seq FROM documents WHERE collection = ? AND id = ?')
      this.#put = db.prepare(`INSERT INTO documents (collection, id, value, seq) VALUES (?, ?, ?, 1)
        ON CONFLICT DO UPDATE SET value = excluded.value, seq = seq + 1 RETURNING seq`)
      this.#create = db.prepare(`INSERT INTO documents (collection, id, value, seq) VALUES (?, ?, ?, 1)
        ON CONFLICT DO NOTHING RETURNING seq`)
      this.#replace = db.prepare(`UPDATE documents SET value = ?3, seq = seq + 1
        WHERE collection = ?1 AND id = ?2 AND seq = ?4 RETURNING seq`)
      this.#delete = db.prepare('DELETE FROM documents WHERE collection = ? AND id = ?')
      const list = (compare: string, order: string) =>
        db.prepare(`SELECT id, value, seq FROM documents WHERE collection = ? AND id ${compare} ?
          ORDER BY id ${order} LIMIT ?`)
      this.#ascending = list('>', 'ASC')
      this.#descending = list('<', 'DESC')
      this.#last = db.prepare('SELECT id, value, seq FROM documents WHERE collection = ? ORDER BY id DESC LIMIT ?')
    } catch (error) {
      db.close()
      throw error
    }
  }

  async get<T>(collection: string, id: string): Promise<Document<T> | undefined> {
    if (!isKey(collection) || !isKey(id)) return undefined
    const row = this.#get.get(collection, id) as Row | undefined
    return row && toDocument<T>(row)
  }

  async put<T>(collection: string, id: string, value: T, ifSeq?: number): Promise<number> {
    const text = encode(collection, id, value)
    const row =
      ifSeq === undefined
        ? this.#put.get(collection, id, text)
        : ifSeq === 0
          ? this.#create.get(collection, id, text)
          : this.#replace.get(collection, id, text, ifSeq)
    if (!row) throw new PipelineError('DOCUMENT_CONFLICT', { collection, id })
    return (row as { seq: number }).seq
  }

  async putAll(writes: readonly DocumentWrite[]): Promise<void> {
    if (writes.length === 0) return
    // Encoded before the transaction begins: a value that cannot be written must not leave half of the others.
    const texts = writes.map((write) =>
      'deleted' in write ? undefined : encode(write.collection, write.id, write.value),
    )
    this.#db.exec('BEGIN IMMEDIATE')
    try {
      for (let i = 0; i < writes.length; i++) {
        const { collection, id } = writes[i] as DocumentWrite
        const text = texts[i]
        if (text !== undefined) this.#put.get(collection, id, text)
        else if (isKey(collection) && isKey(id)) this.#delete.run(collection, id)
      }
      this.#db.exec('COMMIT')
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK')
      throw error
    }
  }

  async delete(collection: string, id: string): Promise<void> {
    if (isKey(collection) && isKey(id)) this.#delete.run(collection, id)
  }

  async list<T>(
    collection: string,
    options: { limit?: number; after?: string; descending?: boolean } = {},
  ): Promise<Document<T>[]> {
    const { after, descending = false } = options
    const limit = Math.max(0, Math.min(MAX_LIMIT, Math.floor(options.limit ?? DEFAULT_LIMIT)))
    if (!isKey(collection) || limit === 0) return []
    const rows =
      descending && after === undefined
        ? this.#last.all(collection, limit)
        : (descending ? this.#descending : this.#ascending).all(collection, (after ?? '').toWellFormed(), limit)
    return (rows as unknown as Row[]).map(toDocument<T>)
  }

  async close(): Promise<void> {
    if (this.#db.isOpen) this.#db.close()
  }
}

/** Lone surrogates would all be stored as U+FFFD, so that two ids became one: such text is no key. */
function isKey(text: string): boolean {
  return text.length > 0 && text.length <= MAX_KEY_LENGTH && text.isWellFormed()
}

function encode(collection: string, id: string, value: unknown): string {
  if (!isKey(collection) || !isKey(id)) {
    throw new PipelineError('REQUEST_INVALID', {
      problem: `a document's collection and id are well-formed texts of 1 to ${MAX_KEY_LENGTH} characters`,
    })
  }
  const text = JSON.stringify(value)
  if (text === undefined) {
    throw new PipelineError('REQUEST_INVALID', { problem: `${collection}/${id}: nothing that JSON can hold` })
  }
  return text
}

function toDocument<T>(row: Row): Document<T> {
  return { id: row.id, value: JSON.parse(row.value) as T, seq: row.seq }
}
