import { Alert, Loader, Stack, Table, Text, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { api } from '../client.ts'
import { useText } from '../i18n.tsx'
import { ExceptionList } from '../parts/exception-list.tsx'
import { Level } from '../parts/level.tsx'

export function RulesPage() {
  const { t } = useText()
  const [filter, setFilter] = useState('')
  const { data, error } = useQuery({ queryKey: ['rules'], queryFn: api.rules })
  if (error) return <Alert color="red" title={error.message} />
  if (!data) return <Loader />
  const rules = data.rules.filter((rule) =>
    `${rule.title} ${rule.tags.join(' ')}`.toLowerCase().includes(filter.toLowerCase()),
  )
  return (
    <Stack gap="xs">
      <TextInput
        placeholder={`${data.rules.length} ${t('rules')}`}
        aria-label={t('rules')}
        value={filter}
        onChange={(event) => setFilter(event.currentTarget.value)}
      />
      {data.refused.length > 0 && (
        <Alert color="red" title={`${t('ruleRefused')}: ${data.refused.length}`}>
          {data.refused.slice(0, 20).map((rule) => (
            <Text key={`${rule.file} ${rule.reason}`} size="sm" className="mono">
              {rule.file}: {rule.reason}
            </Text>
          ))}
        </Alert>
      )}
      <ExceptionList />
      <Table.ScrollContainer minWidth={340}>
        <Table striped>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{t('level')}</Table.Th>
              <Table.Th>{t('title')}</Table.Th>
              <Table.Th visibleFrom="sm">{t('kind')}</Table.Th>
              <Table.Th ta="right">{t('matches')}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {rules.map((rule) => (
              <Table.Tr key={rule.id}>
                <Table.Td>
                  <Level level={rule.level} />
                </Table.Td>
                <Table.Td>
                  {rule.title}
                  <Text size="xs" c="dimmed" className="mono">
                    {rule.file} {rule.tags.join(' ')}
                  </Text>
                </Table.Td>
                <Table.Td visibleFrom="sm">{rule.kind}</Table.Td>
                <Table.Td ta="right">{rule.matches.toLocaleString()}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </Stack>
  )
}
