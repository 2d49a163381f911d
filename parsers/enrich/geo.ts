// Where an address is and whose network it is in, from the operator's MMDB files (MaxMind DB format, version 2: GeoLite2,
// DB-IP and others that keep its names).

import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { Reader } from 'mmdb-lib'
import { describe, PipelineError } from '../../core/errors.ts'
import type { EcsEvent, EcsValue } from '../../core/event.ts'

export type MmdbReader = Pick<Reader<never>, 'get'>

/** @throws CONFIG_INVALID when the file cannot be read or is no MMDB */
export function readMmdb(path: string): MmdbReader {
  try {
    return new Reader<never>(readFileSync(path))
  } catch (error) {
    throw new PipelineError('CONFIG_INVALID', {
      place: path,
      problem: `no MMDB file that can be read: ${describe(error)}`,
    })
  }
}

interface Place {
  readonly geo: EcsEvent | undefined
  readonly as: { readonly number: number; readonly name: string | undefined } | undefined
}

const NOWHERE: Place = { geo: undefined, as: undefined }
const ENDS = ['source', 'destination', 'client', 'server'] as const
const MAX_REMEMBERED = 10_000

const isObject = (value: unknown): value is Record<string, unknown> =>
  value !== null && typeof value === 'object' && !Array.isArray(value)
const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value : undefined)

/** Over several files: the first that has a field wins. */
export class Geo {
  readonly #readers: () => readonly MmdbReader[]
  readonly #places = new Map<string, Place>()

  constructor(readers: () => readonly MmdbReader[]) {
    this.#readers = readers
  }

  /** After a file was replaced. */
  forget(): void {
    this.#places.clear()
  }

  /** Adds `.geo` and `.as` beside each `.ip`; what is there stays. */
  add(event: EcsEvent): void {
    for (const name of ENDS) {
      const end = event[name]
      if (!isObject(end)) continue
      const { ip } = end
      if (typeof ip !== 'string') continue
      const { geo, as } = this.#place(ip)
      // fresh objects: events are changed after this
      if (geo)
        end['geo'] ??= { ...geo, ...(isObject(geo['location']) && { location: { ...geo['location'] } }) } as EcsValue
      if (as)
        end['as'] ??= {
          number: as.number,
          ...(as.name !== undefined && { organization: { name: as.name } }),
        } as EcsValue
    }
  }

  #place(ip: string): Place {
    let place = this.#places.get(ip)
    if (!place) {
      place = NOWHERE
      for (const reader of isIP(ip) > 0 ? this.#readers() : []) {
        const record = lookUp(reader, ip)
        if (record) place = { geo: place.geo ?? geoOf(record), as: place.as ?? systemOf(record) }
      }
      if (this.#places.size >= MAX_REMEMBERED) this.#places.clear()
      this.#places.set(ip, place)
    }
    return place
  }
}

function lookUp(reader: MmdbReader, ip: string): Record<string, unknown> | undefined {
  try {
    const record = reader.get(ip)
    return isObject(record) ? record : undefined
  } catch {
    return undefined // an address the file has no tree for (IPv6 in a file of IPv4), or a damaged record
  }
}

const english = (node: unknown) => (isObject(node) && isObject(node['names']) ? text(node['names']['en']) : undefined)

function geoOf(record: Record<string, unknown>): EcsEvent | undefined {
  const { continent, country, city, location, postal, subdivisions } = record
  const region = Array.isArray(subdivisions) ? subdivisions[0] : undefined
  const iso = isObject(country) ? text(country['iso_code']) : undefined
  const regionIso = isObject(region) ? text(region['iso_code']) : undefined
  const geo: EcsEvent = {}
  const put = (name: string, value: EcsValue) => {
    if (value !== undefined) geo[name] = value
  }
  put('continent_code', isObject(continent) ? text(continent['code']) : undefined)
  put('continent_name', english(continent))
  put('country_iso_code', iso)
  put('country_name', english(country))
  put('region_iso_code', iso !== undefined && regionIso !== undefined ? `${iso}-${regionIso}` : undefined)
  put('region_name', english(region))
  put('city_name', english(city))
  put('postal_code', isObject(postal) ? text(postal['code']) : undefined)
  if (isObject(location)) {
    const { latitude: lat, longitude: lon } = location
    put('timezone', text(location['time_zone']))
    if (typeof lat === 'number' && typeof lon === 'number') put('location', { lat, lon })
  }
  return Object.keys(geo).length > 0 ? geo : undefined
}

function systemOf(record: Record<string, unknown>): Place['as'] {
  const number = record['autonomous_system_number']
  return typeof number === 'number' ? { number, name: text(record['autonomous_system_organization']) } : undefined
}
