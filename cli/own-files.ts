// Where the project keeps what it ships, beside what the user adds.

import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Config } from '../core/config.ts'

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url))

export const ownPacks = at('../parsers/packs')
export const ownRules = at('../correlator/rules')
export const webDist = at('../web/dist')

/** The user's packs come first: a pack of the same name wins over ours. */
export const packFolders = (more: readonly string[]): string[] => [...more, ownPacks]
export const rulePaths = (more: readonly string[]): string[] => [ownRules, ...more]

/** What rules are loaded with, wherever a node, one of its workers or a tool of the same configuration does it. */
export const ruleSetPaths = ({ rules, lists, exceptions, data }: Config) => ({
  rules: rulePaths(rules),
  lists,
  exceptions: exceptions ?? join(data, 'exceptions'),
})
