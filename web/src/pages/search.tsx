import { Alert, Button, Group, Loader, NativeSelect, Stack, Text } from '@mantine/core'
import { keepPreviousData, useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { ApiError, api } from '../client.ts'
import { formatTime } from '../event-text.ts'
import { useText } from '../i18n.tsx'
import { EventRow } from '../parts/event-row.tsx'
import { FieldList } from '../parts/field-list.tsx'
import { Histogram } from '../parts/histogram.tsx'
import { QueryLine } from '../parts/query-line.tsx'
import { VirtualRows } from '../parts/virtual-rows.tsx'
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
  const addClause = (clause: string) => move({ query: query ? `${query} and ${clause}` : clause })

  const pages = useInfiniteQuery({
    queryKey: ['search', range],
    queryFn: ({ signal, pageParam }) =>
      api.search({ ...range, limit: 200, ...(pageParam && { cursor: pageParam }) }, signal),
    initialPageParam: '',
    getNextPageParam: (page) => page.cursor,
  })
  const bars = useQuery({
    queryKey: ['histogram', range],
    queryFn: ({ signal }) => api.histogram(range, signal),
    placeholderData: keepPreviousData,
  })
  const hits = pages.data?.pages.flatMap((page) => page.hits) ?? []
  const first = pages.data?.pages[0]

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
      {pages.error && <QueryProblem error={pages.error} query={query} />}
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
          {hits.length > 0 && (
            <VirtualRows
              items={hits}
              keyOf={(hit) => hit.id}
              height="calc(100vh - 18rem)"
              render={(hit) => <EventRow hit={hit} onClause={addClause} />}
            />
          )}
          {!pages.isPending && !pages.error && hits.length === 0 && (
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
