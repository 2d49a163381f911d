import { Alert, Badge, Button, Table, Text, Title } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { api } from '../client.ts'
import { formatTime, visible } from '../event-text.ts'
import { useText } from '../i18n.tsx'

/** What is kept from alerting, whose decision it was, how often it held: nothing is silent. */
export function ExceptionList() {
  const { t } = useText()
  const queries = useQueryClient()
  const { data, error } = useQuery({ queryKey: ['exceptions'], queryFn: api.exceptions })
  const end = useMutation({
    mutationFn: api.endException,
    onSuccess: () => queries.invalidateQueries({ queryKey: ['exceptions'] }),
  })
  const problem = error ?? end.error
  if (problem) return <Alert color="red" title={problem.message} />
  if (!data || (data.exceptions.length === 0 && data.refused.length === 0)) return null
  return (
    <>
      <Title order={3} size="h5">
        {t('exceptions')}
      </Title>
      {data.refused.length > 0 && (
        <Alert color="red" title={`${t('exceptionRefused')}: ${data.refused.length}`}>
          {data.refused.slice(0, 20).map((one) => (
            <Text key={`${one.file} ${one.reason}`} size="sm" className="mono">
              {one.file}: {one.reason}
            </Text>
          ))}
        </Alert>
      )}
      <Table.ScrollContainer minWidth={340}>
        <Table striped>
          <Table.Tbody>
            {data.exceptions.map((one) => (
              <Table.Tr key={one.id} data-exception={one.id}>
                <Table.Td>
                  {one.rules.map(({ id, title }) => title ?? id).join(', ')}
                  <Text size="xs" c="dimmed">
                    {visible(one.reason)} · {one.owner} · {t('until')} {formatTime(one.until)}
                  </Text>
                </Table.Td>
                <Table.Td>
                  <Badge variant={one.state === 'active' ? 'filled' : 'outline'}>
                    {t(one.state === 'active' ? 'active' : one.state === 'expired' ? 'expired' : 'idle')}
                  </Badge>
                </Table.Td>
                <Table.Td ta="right">
                  {one.matches.toLocaleString()} {t('matches')}
                </Table.Td>
                <Table.Td>
                  {one.state !== 'expired' && (
                    <Button size="compact-xs" variant="default" onClick={() => end.mutate(one.id)}>
                      {t('endNow')}
                    </Button>
                  )}
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </>
  )
}
