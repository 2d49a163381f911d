// Where we are is the address: every view is a link that can be shared.

import { useSyncExternalStore } from 'react'

export interface Place {
  readonly path: string
  readonly params: URLSearchParams
}

const changed = new Set<() => void>()
addEventListener('popstate', () => tell())

function tell(): void {
  for (const listener of changed) listener()
}

export function go(path: string, params: Record<string, string | undefined> = {}, replace = false): void {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(params)) if (value !== undefined && value !== '') query.set(name, value)
  const address = query.size > 0 ? `${path}?${query}` : path
  if (address === location.pathname + location.search) return
  if (replace) history.replaceState(null, '', address)
  else history.pushState(null, '', address)
  tell()
}

export function usePlace(): Place {
  const address = useSyncExternalStore(
    (listener) => {
      changed.add(listener)
      return () => changed.delete(listener)
    },
    () => location.pathname + location.search,
  )
  const url = new URL(address, location.origin)
  return { path: url.pathname, params: url.searchParams }
}
