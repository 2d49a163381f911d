import { Alert, Loader } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useEffect } from 'react'
import { api } from '../client.ts'
import { go } from '../router.ts'

/** A link leads to its search, with the range it was made for. */
export function SharePage({ id }: { id: string }) {
  const { data, error } = useQuery({ queryKey: ['share', id], queryFn: () => api.shared(id) })
  useEffect(() => {
    if (!data) return
    const iso = (ms: number) => new Date(ms).toISOString()
    go('/search', { query: data.query, since: iso(data.since), until: iso(data.until) }, true)
  }, [data])
  return error ? <Alert color="red" title={error.message} /> : <Loader />
}
