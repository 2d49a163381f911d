import { Alert, Anchor, Badge, Group, Loader, Paper, Stack, Table, Text, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import type { WirePattern, WireTemplate } from '../../../core/api.ts'
import { api } from '../client.ts'
import { formatTime, visible } from '../event-text.ts'
import { useText } from '../i18n.tsx'
import { go, usePlace } from '../router.ts'

/** Lines no pack could read, as templates, and how the packs do. */
export function UnparsedPage() {
  const { t } = useText()
  const { params } = usePlace()
  const source = params.get('source')
  const { data, error } = useQuery({ queryKey: ['unparsed'], queryFn: api.unparsed, refetchInterval: 5_000 })
  if (error) return <Alert color="red" title={error.message} />
  if (!data) return <Loader />
  const templates = data.templates.filter((template) => source === null || template.source === source)
  return (
    <Stack gap="xs">
      <Title order={2} size="h4">
        {t('templates')}
      </Title>
      <Group gap="xs">
        <Text size="sm" c="dimmed">
          {t('allUnparsed')} {formatTime(data.since)}
        </Text>
        {source !== null && (
          <>
            <Badge variant="light" className="mono" tt="none">
              {visible(source)}
            </Badge>
            <Anchor component="button" size="sm" onClick={() => go('/unparsed')}>
              {t('everySource')}
            </Anchor>
          </>
        )}
      </Group>
      {templates.length === 0 && <Alert color="teal" title={t('noUnparsed')} />}
      {templates.map((template) => (
        <Template key={keyOf(template)} template={template} />
      ))}
      {data.other > 0 && (
        <Text size="sm" c="dimmed">
          {data.other.toLocaleString()} {t('otherTemplates')}
        </Text>
      )}
      <Title order={2} size="h4">
        {t('patterns')}
      </Title>
      <Patterns patterns={data.patterns} />
    </Stack>
  )
}

const keyOf = ({ source, reason, dataset, program, sample }: WireTemplate) =>
  [source, reason, dataset, program, sample].join('\n')

function Template({ template }: { template: WireTemplate }) {
  const { t } = useText()
  const { source, reason, dataset, program, count, sample, lastSeen, stopped } = template
  return (
    <Paper withBorder p="xs" data-template={template.template}>
      <Group justify="space-between" gap="xs">
        <Group gap="xs">
          <Badge variant="light" color="orange" tt="none">
            {reason}
          </Badge>
          <Text size="xs" c="dimmed" className="mono">
            {[source, dataset, program]
              .filter((part) => part !== undefined)
              .map(visible)
              .join(' · ')}
          </Text>
        </Group>
        <Text size="sm">
          {count.toLocaleString()} {t('events')} · {formatTime(lastSeen)}
        </Text>
      </Group>
      <Text size="sm" className="mono" style={{ overflowWrap: 'anywhere' }} aria-label={t('template')}>
        {visible(template.template)}
      </Text>
      <Text size="xs" c="dimmed" mt={4}>
        {t('sample')}
      </Text>
      <Sample text={sample} column={stopped?.column} />
      <Text size="xs" c="dimmed">
        {stopped
          ? `${t('stoppedAt')} ${stopped.column} (${visible(stopped.place)}). ${t('wantedThere')} ${visible(stopped.wanted)}, ${t('foundThere')} “${visible(stopped.found)}”`
          : t('packNone')}
      </Text>
    </Paper>
  )
}

/** The line, with the place where the pattern stopped marked. Log text is only ever a text node. */
function Sample({ text, column }: { text: string; column: number | undefined }) {
  const at = column === undefined ? text.length : column - 1
  return (
    <Text size="xs" className="mono" style={{ overflowWrap: 'anywhere', whiteSpace: 'pre-wrap' }}>
      {visible(text.slice(0, at))}
      {at < text.length && <mark>{visible(text.slice(at))}</mark>}
    </Text>
  )
}

function Patterns({ patterns }: { patterns: readonly WirePattern[] }) {
  const { t } = useText()
  return (
    <Table.ScrollContainer minWidth={340}>
      <Table striped>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{t('patterns')}</Table.Th>
            <Table.Th ta="right">{t('tried')}</Table.Th>
            <Table.Th ta="right">{t('hits')}</Table.Th>
            <Table.Th ta="right">{t('misses')}</Table.Th>
            <Table.Th ta="right">{t('time')}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {patterns.map(({ pack, place, pattern, tried, hits, misses, ms }) => (
            <Table.Tr key={`${pack} ${place ?? ''} ${pattern ?? ''}`}>
              <Table.Td>
                <Text size="sm" fw={place === undefined ? 600 : 400}>
                  {pack}
                </Text>
                <Text
                  size="xs"
                  c="dimmed"
                  className="mono"
                  lineClamp={2}
                  title={pattern}
                  style={{ overflowWrap: 'anywhere' }}
                >
                  {place} {pattern}
                </Text>
              </Table.Td>
              <Table.Td ta="right">{tried.toLocaleString()}</Table.Td>
              <Table.Td ta="right">{hits.toLocaleString()}</Table.Td>
              <Table.Td ta="right">{misses.toLocaleString()}</Table.Td>
              <Table.Td ta="right">{ms.toLocaleString(undefined, { maximumFractionDigits: 1 })}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  )
}
