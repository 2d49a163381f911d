// What the rule commands have in common: which rules, lists and exceptions, by flags or by a configuration.

import { loadConfig } from '../../core/config.ts'
import type { EcsEvent } from '../../core/event.ts'
import type { Parser } from '../../core/parser.ts'
import type { RuleSetPaths } from '../../correlator/rule-set.ts'
import { loadPacks } from '../../parsers/packs.ts'
import { createParser } from '../../parsers/parser.ts'
import { ownRules, packFolders, ruleSetPaths } from '../own-files.ts'

export const ruleOptions = {
  config: { type: 'string' },
  lists: { type: 'string', multiple: true, default: [] as string[] },
  exceptions: { type: 'string' },
  packs: { type: 'string', multiple: true, default: [] as string[] },
} as const

export const ruleUsage = `  --config F        rules, lists, exceptions and packs of this configuration too
  --lists DIR       lists for placeholders; may be repeated
  --exceptions DIR  exceptions
  --packs DIR       more packs; may be repeated`

export interface RuleValues {
  readonly config?: string
  readonly lists: readonly string[]
  readonly exceptions?: string
  readonly packs: readonly string[]
}

/** Named rules come first: a file that edits one of ours wins over it. */
export function pathsOf(
  values: RuleValues,
  named: readonly string[],
): RuleSetPaths & { packs: string[]; zone: string } {
  const config = values.config === undefined ? undefined : loadConfig(values.config)
  const of = config && ruleSetPaths(config)
  const exceptions = values.exceptions ?? of?.exceptions
  return {
    rules: [...named, ...(of?.rules ?? [ownRules])].filter((path, i, all) => all.indexOf(path) === i),
    lists: [...values.lists, ...(of?.lists ?? [])],
    ...(exceptions !== undefined && { exceptions }),
    packs: packFolders([...values.packs, ...(config?.packs ?? [])]),
    zone: config?.zone ?? 'UTC',
  }
}

export type ParseLine = (line: Buffer, receivedAtMs: number, dataset?: string) => { event: EcsEvent; timestamp: number }

/** The pipeline's parser; opened when the first line asks for it, because most tests are events. */
export function lineParser({ packs, zone }: { readonly packs: readonly string[]; readonly zone: string }): ParseLine {
  let parser: Parser | undefined
  return (bytes, receivedAtMs, dataset) => {
    parser ??= createParser({ packs: loadPacks(packs), defaultZone: zone })
    const origin = { source: 'cli', kind: 'file', peer: '-', ...(dataset ? { dataset } : {}) } as const
    return parser.parse({ bytes, origin, receivedAtMs, flags: 0 })
  }
}

/** Under one of the paths, or the path itself (an archive's files are `PATH!name`). */
export const isUnder = (file: string, paths: readonly string[]): boolean =>
  paths.some((path) => file === path || file.startsWith(`${path.replace(/\/$/, '')}/`) || file.startsWith(`${path}!`))

export const placeOf = ({ file, line }: { readonly file: string; readonly line?: number }): string =>
  line ? `${file}:${line}` : file
