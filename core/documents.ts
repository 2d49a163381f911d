// The seam to small things that change: alerts, sessions, rule state, accounting. node:sqlite on one machine.

export interface Document<T> {
  readonly id: string
  readonly value: T
  /** Grows by one with every change of this document. */
  readonly seq: number
}

export type DocumentWrite =
  | { readonly collection: string; readonly id: string; readonly value: unknown }
  | { readonly collection: string; readonly id: string; readonly deleted: true }

export interface Documents {
  get<T>(collection: string, id: string): Promise<Document<T> | undefined>
  /**
   * Creates or replaces; durable when resolved.
   * @param ifSeq write only if the document is at this seq (0: does not exist)
   * @throws DOCUMENT_CONFLICT
   */
  put<T>(collection: string, id: string, value: T, ifSeq?: number): Promise<number>
  /** All or nothing, in order, in one transaction; without seq checks. */
  putAll(writes: readonly DocumentWrite[]): Promise<void>
  delete(collection: string, id: string): Promise<void>
  /** By id, descending when asked; `after` is the last id of the page before. */
  list<T>(
    collection: string,
    options?: { limit?: number; after?: string; descending?: boolean },
  ): Promise<Document<T>[]>
  close(): Promise<void>
}
