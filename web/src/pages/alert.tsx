import { Alert, Anchor, Badge, Button, Group, Loader, Stack, Text, Title } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { WireAlert } from '../../../core/api.ts'
import { api } from '../client.ts'
import { formatTime, visible } from '../event-text.ts'
import { useText } from '../i18n.tsx'
import { EventRow } from '../parts/event-row.tsx'
import { ExceptionForm } from '../parts/exception-form.tsx'
import { Level } from '../parts/level.tsx'
import { go } from '../router.ts'

export function AlertPage({ id }: { id: string }) {
  const { t } = useText()
  const queries = useQueryClient()
  const [excepting, setExcepting] = useState(false)
  const { data: alert, error } = useQuery({ queryKey: ['alert', id], queryFn: () => api.alert(id) })
  const change = useMutation({
    mutationFn: ({ status, reason }: { status: WireAlert['status']; reason?: string }) =>
      api.setStatus(id, status, reason),
    onSuccess: () => {
      queries.invalidateQueries({ queryKey: ['alert', id] })
      queries.invalidateQueries({ queryKey: ['alerts'] })
    },
  })
  if (error) return <Alert color="red" title={error.message} />
  if (!alert) return <Loader />
  return (
    <Stack gap="sm">
      <Anchor component="button" size="sm" ta="left" onClick={() => go('/alerts')}>
        ← {t('back')}
      </Anchor>
      <Group>
        <Level level={alert.level} />
        <Title order={2} size="h3">
          {alert.title}
        </Title>
        <Badge variant="outline">{t(alert.status)}</Badge>
      </Group>
      {alert.state === 'withdrawn' && <Alert color="gray" title={t('withdrawn')} />}
      {change.error && <Alert color="red" title={change.error.message} />}
      <Text>{alert.description}</Text>
      <Group gap="xs">
        {alert.status === 'open' && (
          <Button size="xs" onClick={() => change.mutate({ status: 'acknowledged' })}>
            {t('acknowledge')}
          </Button>
        )}
        {alert.status !== 'closed' && (
          <Button size="xs" variant="default" onClick={() => change.mutate({ status: 'closed' })}>
            {t('close')}
          </Button>
        )}
        {alert.status !== 'closed' && (
          <Button
            size="xs"
            variant="default"
            onClick={() => change.mutate({ status: 'closed', reason: 'true positive' })}
          >
            {t('closeTrue')}
          </Button>
        )}
        {alert.status === 'closed' && (
          <Button size="xs" variant="default" onClick={() => change.mutate({ status: 'open' })}>
            {t('reopen')}
          </Button>
        )}
        {!excepting && (
          <Button size="xs" variant="subtle" onClick={() => setExcepting(true)}>
            {t('exceptionFromAlert')}
          </Button>
        )}
        {alert.tags.map((tag) => (
          <Badge key={tag} variant="default" tt="none">
            {tag}
          </Badge>
        ))}
      </Group>
      {excepting && <ExceptionForm alert={alert} onDone={() => setExcepting(false)} />}
      <div>
        {Object.entries(alert.entities).map(([name, values]) => (
          <div key={name} className="field mono">
            <span className="dim">{name}</span>
            <span>{values.map(visible).join(', ')}</span>
          </div>
        ))}
      </div>
      <Title order={3} size="h5">
        {t('why')}
      </Title>
      <div>
        {alert.why.map((reason) => (
          <div key={`${reason.selection} ${reason.field} ${reason.value}`} className="field mono">
            <span className="dim">{reason.selection}</span>
            <span>{visible(`${reason.field} = ${reason.value}`)}</span>
          </div>
        ))}
      </div>
      <Title order={3} size="h5">
        {t('causing')} ({alert.count})
      </Title>
      <div data-causing={alert.events?.length ?? 0}>
        {alert.events?.map((hit) => (
          <EventRow key={hit.id} hit={hit} />
        ))}
      </div>
      {alert.falsePositives.length > 0 && (
        <>
          <Title order={3} size="h5">
            {t('falsePositives')}
          </Title>
          <ul>
            {alert.falsePositives.map((text) => (
              <li key={text}>{text}</li>
            ))}
          </ul>
        </>
      )}
      <Title order={3} size="h5">
        {t('history')}
      </Title>
      <div>
        {alert.history.map((entry, i) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: history only grows, at its end
          <div key={i} className="field mono">
            <span className="dim">{formatTime(entry.at)}</span>
            <span>{visible(`${entry.who}: ${entry.change}`)}</span>
          </div>
        ))}
      </div>
    </Stack>
  )
}
