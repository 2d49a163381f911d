// What detection runs with: rules, lists for their placeholders, exceptions, foldings, loaded together and the same way by
// the node, its workers, `detect`, `rules test` and `backtest`: history and live differ in nothing.

import { PipelineError } from '../core/errors.ts'
import { type CorrelatorOptions, createCorrelator, type Grouping, type WindowCorrelator } from './correlator.ts'
import { withExceptions } from './exceptions/excepting.ts'
import { checkExceptions } from './exceptions/own-tests.ts'
import { noExceptions, type RuleException, readExceptionFolder } from './exceptions/read.ts'
import { foldings, withFoldFields } from './folding.ts'
import { hashMeaning } from './sigma/document.ts'
import { compileDetector, type DetectorOptions, type SigmaDetector } from './sigma/engine.ts'
import { loadRules } from './sigma/load.ts'
import { loadPlaceholders } from './sigma/placeholders.ts'
import type { LoadedRules, Refusal, SigmaCorrelation, SigmaRule } from './sigma/types.ts'

export interface RuleSetPaths {
  /** Files, folders, .tar.gz. */
  readonly rules: readonly string[]
  /** Folders of lists for the `expand` modifier: one text file a list. */
  readonly lists?: readonly string[]
  /** Folder of exceptions; one that is not there holds none. */
  readonly exceptions?: string
}

export interface RuleSetOptions {
  /** Lists that win over those of the folders. */
  readonly placeholders?: ReadonlyMap<string, readonly string[]>
}

export interface RuleSet {
  readonly loaded: LoadedRules
  readonly exceptions: readonly RuleException[]
  readonly refusedExceptions: readonly Refusal[]
  readonly rulesById: ReadonlyMap<string, SigmaRule | SigmaCorrelation>
  readonly grouping: ReadonlyMap<string, Grouping>
}

/** @throws CONFIG_INVALID for a folder of lists that cannot be read. Rules and exceptions that cannot be used are in `refused`. */
export function loadRuleSet(
  { rules, lists = [], exceptions }: RuleSetPaths,
  { placeholders = new Map() }: RuleSetOptions = {},
): RuleSet {
  const loaded = loadRules(rules, { placeholders: new Map([...readLists(lists), ...placeholders]) })
  const read = exceptions === undefined ? noExceptions : readExceptionFolder(exceptions)
  return ruleSetOf(loaded, read.exceptions, read.refused)
}

/** Of rules and exceptions that were read before. */
export function ruleSetOf(
  loaded: LoadedRules,
  exceptions: readonly RuleException[] = [],
  refused: readonly Refusal[] = [],
): RuleSet {
  const checked = checkExceptions(loaded, exceptions)
  const versioned = withVersions(loaded, checked.exceptions)
  return {
    loaded: versioned,
    exceptions: checked.exceptions,
    refusedExceptions: [...refused, ...checked.refused],
    rulesById: new Map([...versioned.rules, ...versioned.correlations].map((rule) => [rule.id, rule])),
    grouping: foldings(versioned.rules),
  }
}

/**
 * The same rules with the exceptions that lie in the folder now. Versions stay: exceptions that are added while running
 * begin at a time and change no alert about what was before.
 */
export function withExceptionsOf(set: RuleSet, folder: string): RuleSet {
  const read = readExceptionFolder(folder)
  const checked = checkExceptions(set.loaded, read.exceptions)
  return { ...set, exceptions: checked.exceptions, refusedExceptions: [...read.refused, ...checked.refused] }
}

/** The stateless half: matches with their exceptions and what they are folded by. */
export function openDetector(set: RuleSet, options: DetectorOptions = {}): SigmaDetector {
  return completeDetector(compileDetector(set.loaded, options), set, options)
}

/** @param compiled of the same rules: compiling is what costs */
export function completeDetector(compiled: SigmaDetector, set: RuleSet, options: DetectorOptions = {}): SigmaDetector {
  return withFoldFields(withExceptions(compiled, set.loaded, set.exceptions, options), set.grouping)
}

/** The stateful half. */
export function openCorrelator(
  set: RuleSet,
  options: Omit<CorrelatorOptions, 'rulesById' | 'grouping'> = {},
): WindowCorrelator {
  return createCorrelator(set.loaded.correlations, { ...options, rulesById: set.rulesById, grouping: set.grouping })
}

function readLists(folders: readonly string[]): Map<string, readonly string[]> {
  const lists = new Map<string, readonly string[]>()
  for (const folder of folders)
    try {
      for (const [name, values] of loadPlaceholders(folder)) if (!lists.has(name)) lists.set(name, values)
    } catch (error) {
      const problem = `the lists cannot be read (${error instanceof Error ? error.message : String(error)})`
      throw new PipelineError('CONFIG_INVALID', {
        place: folder,
        problem,
        hint: "'lists' in the configuration names folders with one text file a list",
      })
    }
  return lists
}

/**
 * An exception for all of the past makes another rule of the one it is for, and what a correlation counts is part of what it
 * means. Exceptions with `from` change no alert about what was before, so alerts and windows go on.
 */
function withVersions(loaded: LoadedRules, exceptions: readonly RuleException[]): LoadedRules {
  const always = exceptions.filter(({ from }) => from === undefined)
  const versionOf = (rule: SigmaRule | SigmaCorrelation): string => {
    const own = always.filter(({ rules }) => rules.some((ref) => ref === rule.id || ref === rule.name))
    return own.length === 0 ? rule.version : hashMeaning([rule.version, ...own.map(({ version }) => version).sort()])
  }
  const versions = new Map<string, string>()
  const rules = loaded.rules.map((rule) => {
    const version = versionOf(rule)
    versions.set(rule.id, version)
    return version === rule.version ? rule : { ...rule, version }
  })
  const byId = new Map(loaded.correlations.map((one) => [one.id, one]))
  const of = (id: string): string => {
    const known = versions.get(id)
    const correlation = byId.get(id)
    if (known !== undefined || !correlation) return known ?? id
    const version = hashMeaning([versionOf(correlation), ...correlation.rules.map((rule) => of(rule.id))])
    versions.set(id, version)
    return version
  }
  const correlations = loaded.correlations.map((one) => ({ ...one, version: of(one.id) }))
  return { ...loaded, rules, correlations }
}
