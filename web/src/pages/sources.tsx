import { Alert, Anchor, Badge, Loader, Stack, Table, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import type { WireSource } from '../../../core/api.ts'
import { api } from '../client.ts'
import { formatTime, visible } from '../event-text.ts'
import { useText } from '../i18n.tsx'
import { go } from '../router.ts'

const stateColours = { running: 'teal', waiting: 'gray', failed: 'red' } as const

/** Every line that came in, accounted for. */
export function SourcesPage() {
  const { t } = useText()
  const { data, error } = useQuery({ queryKey: ['sources'], queryFn: api.sources, refetchInterval: 2_000 })
  if (error) return <Alert color="red" title={error.message} />
  if (!data) return <Loader />
  return (
    <Stack gap="xs">
      <Text size="sm" c="dimmed">
        {t('adds')}
      </Text>
      <Table.ScrollContainer minWidth={340}>
        <Table striped>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{t('source')}</Table.Th>
              <Table.Th ta="right">{t('received')}</Table.Th>
              <Table.Th ta="right">{t('stored')}</Table.Th>
              <Table.Th ta="right">{t('unparsed')}</Table.Th>
              <Table.Th ta="right">{t('duplicates')}</Table.Th>
              <Table.Th ta="right">{t('inFlight')}</Table.Th>
              <Table.Th>{t('refused')}</Table.Th>
              <Table.Th>{t('lastSeen')}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {data.sources.map((source) => (
              <Table.Tr key={source.source} data-source={source.source}>
                <Table.Td>
                  <Text size="sm" className="mono">
                    {visible(source.source)}
                  </Text>
                  <Badge size="xs" color={stateColours[source.state]} variant="light">
                    {source.state}
                  </Badge>{' '}
                  <Text span size="xs" c="dimmed">
                    {visible(source.where)} {visible(source.detail ?? '')}
                  </Text>
                </Table.Td>
                <Table.Td ta="right">
                  {source.received.toLocaleString()}
                  <Text size="xs" c={addsUp(source) ? 'teal' : 'red'}>
                    {addsUp(source) ? `= ${t('addsUp')}` : t('doesNotAdd')}
                  </Text>
                </Table.Td>
                <Table.Td ta="right">{source.stored.toLocaleString()}</Table.Td>
                <Table.Td ta="right">
                  {source.unparsed > 0 ? (
                    <Anchor
                      size="sm"
                      href={`/unparsed?source=${encodeURIComponent(source.source)}`}
                      onClick={(event) => {
                        event.preventDefault()
                        go('/unparsed', { source: source.source })
                      }}
                    >
                      {source.unparsed.toLocaleString()}
                    </Anchor>
                  ) : (
                    0
                  )}
                  <Reasons by={source.unparsedBy} />
                </Table.Td>
                <Table.Td ta="right">{source.duplicates.toLocaleString()}</Table.Td>
                <Table.Td ta="right">{source.inFlight.toLocaleString()}</Table.Td>
                <Table.Td>
                  <Reasons by={source.refused} />
                </Table.Td>
                <Table.Td className="mono">{source.lastSeen ? formatTime(source.lastSeen) : t('never')}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </Stack>
  )
}

const addsUp = (s: WireSource) => s.received === s.stored + s.unparsed + s.duplicates + s.inFlight

function Reasons({ by }: { by: Record<string, number> }) {
  return Object.entries(by).map(([reason, count]) => (
    <Text key={reason} size="xs" c="dimmed">
      {reason}: {count.toLocaleString()}
    </Text>
  ))
}
