// A host name taken apart: what was registered, what lies below it, and the suffix it was registered under.

import type { EcsEvent } from '../../core/event.ts'
import { ipVersion } from './ip.ts'

/** Second-level labels under which country registries register: `co.kr`, `com.br`. */
const SECOND = new Set(
  'ac co com edu go gob gov gouv ltd mil me ne net nom or org plc pe re sch gen id info biz web nhs police asn gc lg ad hs ms es kg'.split(
    ' ',
  ),
)
/** Of the countries that do so. */
const COUNTRIES = new Set(
  'ar au bd bo br cn co cr cy do ec eg gt hk hn id il in jo jp ke kh kr kw lb lk mm mo mt mx my na ng ni np nz om pa pe ph pk pr py qa sa sg sv th tn tr tw tz ua ug uk uy ve vn za zw'.split(
    ' ',
  ),
)

/**
 * Adds `registered_domain`, `subdomain` and `top_level_domain` beside a name, where they are missing. The list of suffixes is
 * short: country registries with a second level, and one label for all others.
 */
export function completeDomain(into: EcsEvent, name: string): void {
  if (into['registered_domain'] !== undefined || name.length > 253 || ipVersion(name) > 0) return
  const labels = (name.endsWith('.') ? name.slice(0, -1) : name).split('.')
  const last = labels.at(-1) ?? ''
  if (labels.length < 2 || !/^(?:[a-z]{2,24}|xn--[a-z0-9-]{2,60})$/i.test(last) || labels.includes('')) return
  const two = labels.length > 2 && last.length === 2 && COUNTRIES.has(last.toLowerCase())
  const suffix = two && SECOND.has((labels.at(-2) as string).toLowerCase()) ? 2 : 1
  into['top_level_domain'] ??= labels.slice(-suffix).join('.')
  into['registered_domain'] = labels.slice(-suffix - 1).join('.')
  if (labels.length > suffix + 1) into['subdomain'] ??= labels.slice(0, -suffix - 1).join('.')
}
