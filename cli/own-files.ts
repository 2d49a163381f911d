// Where the project keeps what it ships, beside what the user adds.

import { fileURLToPath } from 'node:url'

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url))

export const ownPacks = at('../parsers/packs')
export const ownRules = at('../correlator/rules')
export const webDist = at('../web/dist')

/** The user's packs come first: a pack of the same name wins over ours. */
export const packFolders = (more: readonly string[]): string[] => [...more, ownPacks]
export const rulePaths = (more: readonly string[]): string[] => [ownRules, ...more]
