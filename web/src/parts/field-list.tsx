import { Anchor, Button, Group, Loader, Progress, ScrollArea, Stack, Text, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { api } from '../client.ts'
import { clause, visible } from '../event-text.ts'
import { useText } from '../i18n.tsx'
import type { AddClause } from './event-row.tsx'

interface Range {
  readonly query: string
  readonly since: string
  readonly until: string
}

/** The fields of the events found, with coverage; a click shows the most frequent values. */
export function FieldList({ range, onClause }: { range: Range; onClause: AddClause }) {
  const { t } = useText()
  const [open, setOpen] = useState<string>()
  const [filter, setFilter] = useState('')
  const { data } = useQuery({ queryKey: ['fields', range], queryFn: ({ signal }) => api.fields(range, signal) })
  const fields = (data?.fields ?? []).filter(({ name }) => name.includes(filter) && name !== 'event.original')
  return (
    <Stack gap={4}>
      <TextInput
        size="xs"
        placeholder={t('fields')}
        aria-label={t('fields')}
        value={filter}
        onChange={(event) => setFilter(event.currentTarget.value)}
      />
      <ScrollArea.Autosize mah="calc(100vh - 15rem)">
        {fields.map(({ name, count }) => (
          <div key={name}>
            <Group justify="space-between" wrap="nowrap" gap={4}>
              <Anchor
                component="button"
                size="xs"
                className="mono"
                ta="left"
                onClick={() => setOpen(open === name ? undefined : name)}
                style={{ overflowWrap: 'anywhere' }}
              >
                {visible(name)}
              </Anchor>
              <Text size="xs" c="dimmed">
                {data?.total ? Math.round((count / data.total) * 100) : 0}%
              </Text>
            </Group>
            {open === name && <TopValues field={name} range={range} onClause={onClause} />}
          </div>
        ))}
      </ScrollArea.Autosize>
    </Stack>
  )
}

function TopValues({ field, range, onClause }: { field: string; range: Range; onClause: AddClause }) {
  const { t } = useText()
  const { data, error } = useQuery({
    queryKey: ['values', field, range],
    queryFn: ({ signal }) => api.values({ ...range, field, size: 10 }, signal),
  })
  if (error) return <Text size="xs">{error.message}</Text>
  if (!data) return <Loader size="xs" />
  return (
    <Stack gap={2} pl="xs" pb="xs" aria-label={`${t('top')}: ${field}`}>
      {data.values.map(({ value, count }) => (
        <div key={String(value)}>
          <Group gap={4} wrap="nowrap" justify="space-between">
            <Text size="xs" className="mono" style={{ overflowWrap: 'anywhere' }}>
              {visible(String(value))}
            </Text>
            <Group gap={2} wrap="nowrap">
              <Text size="xs" c="dimmed">
                {count}
              </Text>
              <Button
                size="compact-xs"
                variant="subtle"
                title={t('filterFor')}
                onClick={() => onClause(clause(field, value))}
              >
                +
              </Button>
              <Button
                size="compact-xs"
                variant="subtle"
                title={t('filterOut')}
                onClick={() => onClause(`not ${clause(field, value)}`)}
              >
                −
              </Button>
            </Group>
          </Group>
          <Progress size={3} value={data.total ? (count / data.total) * 100 : 0} />
        </div>
      ))}
      {data.missing > 0 && (
        <Text size="xs" c="dimmed">
          {data.missing} {t('missing')}
        </Text>
      )}
    </Stack>
  )
}
