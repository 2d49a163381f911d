import { Anchor, Badge, Button, Group, Loader, Stack, Tabs, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { WireHit, WireMark } from '../../../core/api.ts'
import { api } from '../client.ts'
import { clause, flatten, formatTime, textAt, visible } from '../event-text.ts'
import { useText } from '../i18n.tsx'
import { levelColours } from './level.tsx'

export type AddClause = (clause: string) => void

/** One line; a click opens it as table, JSON and raw line. */
export function EventRow({
  hit,
  onClause,
  startOpen = false,
  marks = [],
}: {
  hit: WireHit
  onClause?: AddClause
  startOpen?: boolean
  /** Rules that matched it. */
  marks?: readonly WireMark[]
}) {
  const [open, setOpen] = useState(startOpen)
  const where = [
    textAt(hit, 'host.name') || textAt(hit, 'orchestrator.cluster.name'),
    textAt(hit, 'process.name') || textAt(hit, 'event.dataset'),
  ]
  return (
    <div data-event={hit.id}>
      <button
        type="button"
        className="row mono"
        aria-expanded={open}
        data-outcome={textAt(hit, 'event.outcome')}
        data-unparsed={textAt(hit, 'event.kind') === 'pipeline_error'}
        onClick={() => setOpen(!open)}
      >
        <span className="dim">{formatTime(hit.timestamp)}</span>
        <span>{where.filter(Boolean).join(' ')}</span>
        <span>
          {marks.filter(firstOfTitle).map(({ ruleId, title, level }) => (
            <Badge
              key={ruleId}
              size="xs"
              mr={6}
              variant="light"
              color={levelColours[level] ?? 'gray'}
              tt="none"
              data-mark={ruleId}
            >
              {visible(title)}
            </Badge>
          ))}
          {textAt(hit, 'message') || textAt(hit, 'event.original')}
        </span>
      </button>
      {open && <EventDetail hit={hit} onClause={onClause} />}
    </div>
  )
}

/** Rules that say the same to a reader, made for several correlations, are one badge. */
const firstOfTitle = ({ title }: WireMark, i: number, all: readonly WireMark[]) =>
  all.findIndex((mark) => mark.title === title) === i

function EventDetail({ hit, onClause }: { hit: WireHit; onClause?: AddClause }) {
  const { t } = useText()
  const [around, setAround] = useState(false)
  return (
    <Stack gap="xs" p="xs" ml="sm" style={{ borderLeft: '2px solid var(--mantine-color-default-border)' }}>
      <Tabs defaultValue="table">
        <Tabs.List>
          <Tabs.Tab value="table">{t('table')}</Tabs.Tab>
          <Tabs.Tab value="json">{t('json')}</Tabs.Tab>
          <Tabs.Tab value="raw">{t('raw')}</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="table" pt="xs">
          {flatten(hit.event).map(([name, values]) => (
            <div key={name} className="field mono">
              <span className="dim">{name}</span>
              <span>{values.map((value) => visible(String(value))).join(', ')}</span>
              <Group gap={4} wrap="nowrap">
                {onClause && name !== '@timestamp' && name !== 'event.original' && (
                  <>
                    <Button
                      size="compact-xs"
                      variant="subtle"
                      aria-label={`${t('filterFor')} ${name}`}
                      title={t('filterFor')}
                      onClick={() => onClause(clause(name, values[0]))}
                    >
                      +
                    </Button>
                    <Button
                      size="compact-xs"
                      variant="subtle"
                      aria-label={`${t('filterOut')} ${name}`}
                      title={t('filterOut')}
                      onClick={() => onClause(`not ${clause(name, values[0])}`)}
                    >
                      −
                    </Button>
                  </>
                )}
              </Group>
            </div>
          ))}
        </Tabs.Panel>
        <Tabs.Panel value="json" pt="xs">
          <pre className="raw mono">{visible(JSON.stringify({ _id: hit.id, ...hit.event }, null, 2))}</pre>
        </Tabs.Panel>
        <Tabs.Panel value="raw" pt="xs">
          <pre className="raw mono">{textAt(hit, 'event.original')}</pre>
        </Tabs.Panel>
      </Tabs>
      <Group>
        <Anchor component="button" size="sm" onClick={() => setAround(!around)}>
          {t('around')}
        </Anchor>
        <Text size="xs" c="dimmed" className="mono">
          {hit.id}
        </Text>
      </Group>
      {around && <Around id={hit.id} />}
    </Stack>
  )
}

function Around({ id }: { id: string }) {
  const { data, error } = useQuery({ queryKey: ['around', id], queryFn: () => api.around(id) })
  if (error) return <Text c="red">{error.message}</Text>
  if (!data) return <Loader size="sm" />
  return (
    <div>
      {data.before.map((hit) => (
        <EventRow key={hit.id} hit={hit} />
      ))}
      <div style={{ background: 'var(--mantine-primary-color-light)' }}>
        <EventRow hit={data.event} />
      </div>
      {data.after.map((hit) => (
        <EventRow key={hit.id} hit={hit} />
      ))}
    </div>
  )
}
