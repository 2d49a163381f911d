// A URL or an HTTP request target, taken apart as ECS url.*.

import type { EcsEvent } from '../../core/event.ts'

/** `https://user@host:8443/a/b.php?x=1#top`, `/a/b.php?x=1`, `host:443` (CONNECT) or anything else. */
export function splitUrl(original: string): EcsEvent {
  const url: EcsEvent = { original }
  let rest = original
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]{0,30}):\/\//.exec(rest)
  if (scheme) {
    url['full'] = original
    url['scheme'] = (scheme[1] as string).toLowerCase()
    rest = rest.slice(scheme[0].length)
    let end = rest.search(/[/?#]/)
    if (end < 0) end = rest.length
    authority(url, rest.slice(0, end))
    rest = rest.slice(end)
  } else if (rest[0] !== '/' && rest[0] !== '*' && /^[^/?#\s]+:\d{1,5}$/.test(rest)) {
    authority(url, rest)
    return url
  }
  const hash = rest.indexOf('#')
  if (hash >= 0) {
    if (hash + 1 < rest.length) url['fragment'] = rest.slice(hash + 1)
    rest = rest.slice(0, hash)
  }
  const mark = rest.indexOf('?')
  if (mark >= 0) {
    if (mark + 1 < rest.length) url['query'] = rest.slice(mark + 1)
    rest = rest.slice(0, mark)
  }
  if (rest !== '') {
    url['path'] = decode(rest)
    const dot = rest.lastIndexOf('.')
    const extension = dot > rest.lastIndexOf('/') ? rest.slice(dot + 1) : ''
    if (/^[A-Za-z0-9]{1,10}$/.test(extension)) url['extension'] = extension
  }
  return url
}

/** Percent signs taken off, so that `/..%2f` is found as what it is; url.original keeps the way it was written. */
function decode(path: string): string {
  if (!path.includes('%')) return path
  try {
    return decodeURIComponent(path)
  } catch {
    return path // not encoded text
  }
}

function authority(url: EcsEvent, text: string): void {
  const at = text.lastIndexOf('@')
  if (at > 0) url['username'] = text.slice(0, at).split(':', 1)[0]
  const host = text.slice(at + 1)
  const m = /^(.*?)(?::(\d{1,5}))?$/.exec(host)
  const name = m?.[1] ?? host
  if (name !== '') url['domain'] = name.startsWith('[') && name.endsWith(']') ? name.slice(1, -1) : name
  if (m?.[2] !== undefined && Number(m[2]) <= 65_535) url['port'] = Number(m[2])
}
