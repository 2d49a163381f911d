import { Alert, Anchor, Badge, Button, Loader, Stack, Table, Text } from '@mantine/core'
import { useInfiniteQuery } from '@tanstack/react-query'
import { api } from '../client.ts'
import { formatTime, visible } from '../event-text.ts'
import { useText } from '../i18n.tsx'
import { Level } from '../parts/level.tsx'
import { go } from '../router.ts'

export function AlertsPage() {
  const { t } = useText()
  const pages = useInfiniteQuery({
    queryKey: ['alerts'],
    queryFn: ({ pageParam }) => api.alerts(pageParam || undefined),
    initialPageParam: '',
    getNextPageParam: (page) => page.after,
    refetchInterval: 5_000,
  })
  if (pages.error) return <Alert color="red" title={pages.error.message} />
  if (pages.isPending) return <Loader />
  const alerts = pages.data.pages.flatMap((page) => page.alerts)
  if (alerts.length === 0) return <Text>{t('noAlerts')}</Text>
  return (
    <Stack>
      <Table.ScrollContainer minWidth={340}>
        <Table striped highlightOnHover>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{t('level')}</Table.Th>
              <Table.Th>{t('title')}</Table.Th>
              <Table.Th visibleFrom="sm">{t('who')}</Table.Th>
              <Table.Th visibleFrom="sm">{t('count')}</Table.Th>
              <Table.Th visibleFrom="sm">{t('when')}</Table.Th>
              <Table.Th>{t('status')}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {alerts.map((alert) => (
              <Table.Tr key={alert.id} data-alert={alert.id}>
                <Table.Td>
                  <Level level={alert.level} />
                </Table.Td>
                <Table.Td>
                  <Anchor
                    href={`/alerts/${encodeURIComponent(alert.id)}`}
                    onClick={(event) => {
                      event.preventDefault()
                      go(`/alerts/${encodeURIComponent(alert.id)}`)
                    }}
                  >
                    {alert.title}
                  </Anchor>
                  <Text size="xs" c="dimmed" hiddenFrom="sm">
                    {formatTime(alert.lastSeen)}
                  </Text>
                </Table.Td>
                <Table.Td visibleFrom="sm" className="mono" style={{ overflowWrap: 'anywhere' }}>
                  {Object.entries(alert.entities)
                    .slice(0, 3)
                    .map(([name, values]) => visible(`${name}: ${values.slice(0, 3).join(', ')}`))
                    .join(' · ')}
                </Table.Td>
                <Table.Td visibleFrom="sm">{alert.count}</Table.Td>
                <Table.Td visibleFrom="sm" className="mono">
                  {formatTime(alert.lastSeen)}
                </Table.Td>
                <Table.Td>
                  <Badge
                    variant="outline"
                    miw="max-content"
                    color={alert.status === 'open' ? 'red' : alert.status === 'acknowledged' ? 'blue' : 'gray'}
                  >
                    {t(alert.status)}
                  </Badge>
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
      {pages.hasNextPage && (
        <Button variant="subtle" onClick={() => pages.fetchNextPage()}>
          {t('more')}
        </Button>
      )}
    </Stack>
  )
}
