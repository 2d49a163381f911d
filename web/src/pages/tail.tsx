import { Alert, Badge, Button, Group, Stack, Text } from '@mantine/core'
import { useEffect, useRef, useState } from 'react'
import type { TailOutput, WireHit, WireMark } from '../../../core/api.ts'
import { useText } from '../i18n.tsx'
import { EventRow } from '../parts/event-row.tsx'
import { QueryLine } from '../parts/query-line.tsx'
import { VirtualRows } from '../parts/virtual-rows.tsx'
import { go, usePlace } from '../router.ts'

/** Lines kept in the page; older ones are a search away. */
const KEEP = 2000

export function TailPage() {
  const { t } = useText()
  const { params } = usePlace()
  const query = params.get('query') ?? ''
  const [lines, setLines] = useState<WireHit[]>([])
  const [held, setHeld] = useState<WireHit[]>([])
  const [paused, setPaused] = useState(false)
  const [skipped, setSkipped] = useState(0)
  const [marks, setMarks] = useState<ReadonlyMap<string, readonly WireMark[]>>(new Map())
  const [connection, setConnection] = useState<'open' | 'broken'>('open')
  const pausedNow = useRef(false)
  pausedNow.current = paused

  useEffect(() => {
    setLines([])
    setHeld([])
    setSkipped(0)
    setMarks(new Map())
    let resume = ''
    let source: EventSource | undefined
    let retry: ReturnType<typeof setTimeout> | undefined
    const connect = () => {
      const address = new URLSearchParams({ query, ...(resume && { resume }) })
      source = new EventSource(`/v1/tail?${address}`)
      source.addEventListener('open', () => setConnection('open'))
      source.addEventListener('batch', (event) => {
        const batch = JSON.parse((event as MessageEvent<string>).data) as TailOutput
        resume = batch.resume
        if (batch.skipped > 0) setSkipped((n) => n + batch.skipped)
        if (batch.marks) setMarks((old) => withMarks(old, batch.marks ?? []))
        const add = (old: WireHit[]) => [...old, ...batch.hits].slice(-KEEP)
        if (pausedNow.current) setHeld(add)
        else setLines(add)
      })
      source.addEventListener('error', () => {
        // Ours to reconnect, so that it goes on where it stopped.
        source?.close()
        setConnection('broken')
        retry = setTimeout(connect, 2000)
      })
    }
    connect()
    return () => {
      source?.close()
      clearTimeout(retry)
    }
  }, [query])

  const goOn = () => {
    setLines((old) => [...old, ...held].slice(-KEEP))
    setHeld([])
    setPaused(false)
  }
  return (
    <Stack gap="xs">
      <Group gap="xs">
        <QueryLine value={query} since="1h" onRun={(text) => go('/tail', { query: text })} />
        <Button variant={paused ? 'filled' : 'default'} onClick={paused ? goOn : () => setPaused(true)}>
          {paused ? t('resume') : t('pause')}
        </Button>
        <Button variant="default" onClick={() => setLines([])}>
          {t('clear')}
        </Button>
      </Group>
      <Group gap="sm" mih={24}>
        {held.length > 0 && (
          <Badge color="blue">
            {held.length} {t('buffered')}
          </Badge>
        )}
        {skipped > 0 && (
          <Badge color="yellow">
            {skipped} {t('skipped')}
          </Badge>
        )}
        {connection === 'broken' && <Alert color="yellow" p={4} title={t('reconnecting')} />}
        {lines.length === 0 && connection === 'open' && <Text c="dimmed">{t('waiting')}</Text>}
      </Group>
      <VirtualRows
        items={lines}
        keyOf={(hit) => hit.id}
        stickToEnd={!paused}
        height="calc(100vh - 10rem)"
        render={(hit) => <EventRow hit={hit} marks={marks.get(hit.id)} />}
      />
    </Stack>
  )
}

/** Marks of the lines that are kept. */
function withMarks(old: ReadonlyMap<string, readonly WireMark[]>, fresh: readonly WireMark[]) {
  const next = new Map(old)
  for (const mark of fresh) next.set(mark.eventId, [...(next.get(mark.eventId) ?? []), mark])
  for (const id of next.keys()) {
    if (next.size <= KEEP) break
    next.delete(id)
  }
  return next
}
