import { Alert, Button, Group, Loader, NativeSelect, Stack, Text } from '@mantine/core'
import { keepPreviousData, useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { SearchOutput } from '../../../core/api.ts'
import { ApiError, api } from '../client.ts'
import { formatTime } from '../event-text.ts'
import { useText } from '../i18n.tsx'
import { EventRow } from '../parts/event-row.tsx'
import { FieldList } from '../parts/field-list.tsx'
import { Histogram } from '../parts/histogram.tsx'
import { LongSearch } from '../parts/long-search.tsx'
import { QueryLine } from '../parts/query-line.tsx'
import { ResultTable } from '../parts/result-table.tsx'
import { SearchMenu, type SearchRange } from '../parts/search-menu.tsx'
import { VirtualRows } from '../parts/virtual-rows.tsx'
import { withClause } from '../query-text.ts'
import { go, usePlace } from '../router.ts'

const ranges = ['5m', '15m', '1h', '4h', '24h', '7d', '30d', '365d']

export function SearchPage() {
  const { t } = useText()
  const { params } = usePlace()
  const query = params.get('query') ?? ''
  const since = params.get('since') ?? '15m'
  const until = params.get('until') ?? 'now'
  const range = { query, since, until }
  const move = (next: Partial<typeof range>) => go('/search', { ...range, ...next })
  const addClause = (clause: string) => move({ query: withClause(query, clause) })

  const pages = useInfiniteQuery({
    queryKey: ['search', range],
    queryFn: ({ signal, pageParam }) =>
      api.search({ ...range, limit: 200, ...(pageParam && { cursor: pageParam }) }, signal),
    initialPageParam: '',
    retry: (count, error) => count < 2 && !(error instanceof ApiError), // what took too long goes on as a long search
    getNextPageParam: (page) => page.cursor,
  })
  const bars = useQuery({
    queryKey: ['histogram', range],
    queryFn: ({ signal }) => api.histogram(range, signal),
    placeholderData: keepPreviousData,
  })
  const tookTooLong = pages.error instanceof ApiError && pages.error.problem.status === 503
  const [long, setLong] = useState<{ of: typeof range; result: SearchOutput }>()
  const found = tookTooLong && long && sameRange(long.of, range) ? [long.result] : (pages.data?.pages ?? [])
  const hits = found.flatMap((page) => page.hits)
  const first = found[0]
  const table = first?.table

  return (
    <Stack gap="xs">
      <Group gap="xs" wrap="wrap" align="flex-start">
        <QueryLine
          value={query}
          since={since}
          onRun={(text) => (text === query ? pages.refetch().then(() => bars.refetch()) : move({ query: text }))}
        />
        <NativeSelect
          aria-label={t('last')}
          value={ranges.includes(since) && until === 'now' ? since : ''}
          data={[
            { value: '', label: `${t('from')} …`, disabled: true },
            ...ranges.map((value) => ({ value, label: `${t('last')} ${value}` })),
          ]}
          onChange={(event) => move({ since: event.currentTarget.value, until: 'now' })}
        />
        <Button onClick={() => pages.refetch().then(() => bars.refetch())}>{t('run')}</Button>
      </Group>
      <SearchMenu range={range} move={move} />
      {pages.error && !tookTooLong && <QueryProblem error={pages.error} query={query} />}
      {tookTooLong && <LongSearch range={range} onResult={(result) => setLong({ of: range, result })} />}
      {bars.data && (
        <Histogram
          data={bars.data}
          onSelect={(from, to) => move({ since: new Date(from).toISOString(), until: new Date(to).toISOString() })}
        />
      )}
      <Group gap="md">
        {bars.data && (
          <Text size="sm" data-total={bars.data.total}>
            <b>{bars.data.total.toLocaleString()}</b> {t('events')}
            {table && ` · ${table.rows.length.toLocaleString()} ${t('rowsMade')}`}
          </Text>
        )}
        {first && (
          <Text size="xs" c="dimmed">
            {formatTime(first.since)} – {formatTime(first.until)} · {Math.round(first.stats.tookMs)} {t('took')}
          </Text>
        )}
        {pages.isFetching && <Loader size="xs" />}
      </Group>
      <Group align="flex-start" wrap="nowrap" gap="sm">
        <div style={{ width: '14rem', flexShrink: 0 }} className="mantine-visible-from-md">
          <FieldList range={range} onClause={addClause} />
        </div>
        <div style={{ flex: 1, minWidth: 0 }}>
          {table && <ResultTable table={table} more={first.more === true} onClause={addClause} />}
          {!table && first?.more && (
            <Text size="sm" c="dimmed">
              {t('moreEvents')}
            </Text>
          )}
          {hits.length > 0 && (
            <VirtualRows
              items={hits}
              keyOf={(hit) => hit.id}
              height="calc(100vh - 18rem)"
              render={(hit) => <EventRow hit={hit} onClause={addClause} />}
            />
          )}
          {first && hits.length === 0 && !table?.rows.length && (
            <Text p="md">
              {t('noEvents')} <span className="dim">{t('noEventsHint')}</span>
            </Text>
          )}
          {pages.hasNextPage && (
            <Button variant="subtle" fullWidth loading={pages.isFetchingNextPage} onClick={() => pages.fetchNextPage()}>
              {t('more')}
            </Button>
          )}
        </div>
      </Group>
    </Stack>
  )
}

const sameRange = (a: SearchRange, b: SearchRange) => a.query === b.query && a.since === b.since && a.until === b.until

/** What is wrong with the query and where: the column is marked under the text. */
export function QueryProblem({ error, query }: { error: Error; query: string }) {
  const problem = error instanceof ApiError ? error.problem : undefined
  return (
    <Alert color="red" title={error.message}>
      {problem?.hint && <Text size="sm">{problem.hint}</Text>}
      {problem?.column !== undefined && (
        <pre className="raw mono">
          {query}
          {'\n'}
          {`${' '.repeat(Math.max(0, problem.column - 1))}^`}
        </pre>
      )}
    </Alert>
  )
}
