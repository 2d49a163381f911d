import { Anchor, Button, Group, Progress, ScrollArea, Stack, Text, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { WireField } from '../../../core/api.ts'
import { api } from '../client.ts'
import { clause, visible } from '../event-text.ts'
import { useText } from '../i18n.tsx'
import type { AddClause } from './event-row.tsx'

interface Range {
  readonly query: string
  readonly since: string
  readonly until: string
}

/** The fields of the events found, with coverage; a click shows the most frequent values and bounds, of the same answer. */
export function FieldList({ range, onClause }: { range: Range; onClause: AddClause }) {
  const { t } = useText()
  const [open, setOpen] = useState<string>()
  const [filter, setFilter] = useState('')
  const { data } = useQuery({
    queryKey: ['fields', range],
    queryFn: ({ signal }) => api.fields({ ...range, values: true }, signal),
  })
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
        {fields.map((field) => {
          const { name, count } = field
          return (
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
              {open === name && (
                <FieldDetail field={field} total={data?.total ?? 0} looked={data?.looked ?? 0} onClause={onClause} />
              )}
            </div>
          )
        })}
      </ScrollArea.Autosize>
    </Stack>
  )
}

function FieldDetail({
  field,
  total,
  looked,
  onClause,
}: {
  field: WireField
  total: number
  looked: number
  onClause: AddClause
}) {
  const { t } = useText()
  const { name, count, values, distinct, min, max } = field
  const most = values?.[0]?.count ?? 1
  return (
    <Stack gap={2} pl="xs" pb="xs" aria-label={`${t('top')}: ${name}`} data-field-detail={name}>
      {min !== undefined && max !== undefined && (
        <Text size="xs" c="dimmed" className="mono">
          {t('between')} {visible(String(min))} {t('to')} {visible(String(max))}
        </Text>
      )}
      {distinct !== undefined && (
        <Text size="xs" c="dimmed">
          {distinct.toLocaleString()} {t('distinctValues')}
        </Text>
      )}
      {values?.map(({ value, count: times }) => (
        <div key={`${typeof value} ${value}`}>
          <Group gap={4} wrap="nowrap" justify="space-between">
            <Text size="xs" className="mono" style={{ overflowWrap: 'anywhere' }}>
              {visible(String(value))}
            </Text>
            <Group gap={2} wrap="nowrap">
              <Text size="xs" c="dimmed">
                {times.toLocaleString()}
              </Text>
              <Button
                size="compact-xs"
                variant="subtle"
                title={t('filterFor')}
                aria-label={`${t('filterFor')} ${name} ${value}`}
                onClick={() => onClause(clause(name, value))}
              >
                +
              </Button>
              <Button
                size="compact-xs"
                variant="subtle"
                title={t('filterOut')}
                aria-label={`${t('filterOut')} ${name} ${value}`}
                onClick={() => onClause(`not ${clause(name, value)}`)}
              >
                −
              </Button>
            </Group>
          </Group>
          <Progress size={3} value={(times / most) * 100} />
        </div>
      ))}
      {total > count && (
        <Text size="xs" c="dimmed">
          {(total - count).toLocaleString()} {t('missing')}
        </Text>
      )}
      {looked < total && (
        <Text size="xs" c="dimmed">
          {t('ofNewest')} {looked.toLocaleString()}
        </Text>
      )}
    </Stack>
  )
}
