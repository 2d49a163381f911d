// The shape of the field tables: from the names rules use to where events keep the value.

import type { Logsource } from '../types.ts'

export interface FieldTable {
  /** The rules this table is for: those whose logsource has all of these. */
  readonly when: Logsource
  /** Objects that hold the vendor's own fields, by the vendor's names. */
  readonly vendor?: readonly string[]
  /** Vendor names are kept in snake case too: `userIdentity.arn` is `user_identity.arn`. */
  readonly snake?: boolean
  /** rule's name -> places, most exact first. All are looked at. */
  readonly fields: Readonly<Record<string, readonly string[]>>
  /** beginning of a rule's name -> what takes its place. */
  readonly prefixes?: Readonly<Record<string, readonly string[]>>
}

/** One line a field: `Name: place place`; `#` begins a comment. */
export function fields(text: string): Record<string, readonly string[]> {
  const out: Record<string, readonly string[]> = Object.create(null)
  for (const line of text.split('\n')) {
    const [name, places] = line.replace(/\s#.*$/, '').split(/:\s+/)
    if (name?.trim() && places) out[name.trim()] = places.trim().split(/\s+/)
  }
  return out
}
