import { Button, Group, Menu, Text, TextInput } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { api } from '../client.ts'
import { formatTime, visible } from '../event-text.ts'
import { useText } from '../i18n.tsx'

export interface SearchRange {
  readonly query: string
  readonly since: string
  readonly until: string
}

/** What was searched and saved, a link to this search, and this search as a file. */
export function SearchMenu({ range, move }: { range: SearchRange; move: (next: Partial<SearchRange>) => void }) {
  return (
    <Group gap="xs">
      <History move={move} />
      <Saved range={range} move={move} />
      <Share range={range} />
      <Export range={range} />
    </Group>
  )
}

const small = { size: 'compact-sm', variant: 'default' } as const

function History({ move }: { move: (next: Partial<SearchRange>) => void }) {
  const { t } = useText()
  const [open, setOpen] = useState(false)
  const { data } = useQuery({ queryKey: ['history'], queryFn: api.history, enabled: open, staleTime: 0 })
  return (
    <Menu opened={open} onChange={setOpen} width={420} position="bottom-start">
      <Menu.Target>
        <Button {...small}>{t('searchHistory')}</Button>
      </Menu.Target>
      <Menu.Dropdown mah={400} style={{ overflow: 'auto' }}>
        {data?.searches.length === 0 && <Menu.Label>{t('nothingYet')}</Menu.Label>}
        {data?.searches.map(({ query, at }) => (
          <Menu.Item key={query} onClick={() => move({ query })}>
            <Text size="xs" className="mono" style={{ overflowWrap: 'anywhere' }}>
              {visible(query)}
            </Text>
            <Text size="xs" c="dimmed">
              {formatTime(at)}
            </Text>
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  )
}

function Saved({ range, move }: { range: SearchRange; move: (next: Partial<SearchRange>) => void }) {
  const { t } = useText()
  const queries = useQueryClient()
  const [open, setOpen] = useState(false)
  const [name, setName] = useState('')
  const [problem, setProblem] = useState('')
  const { data } = useQuery({ queryKey: ['saved'], queryFn: api.saved, enabled: open })
  const refresh = () => queries.invalidateQueries({ queryKey: ['saved'] })
  const save = () =>
    api.save({ ...range, name }).then(
      () => {
        setName('')
        setProblem('')
        return refresh()
      },
      (error: Error) => setProblem(error.message),
    )
  return (
    <Menu opened={open} onChange={setOpen} width={420} position="bottom-start" trapFocus={false}>
      <Menu.Target>
        <Button {...small}>{t('saved')}</Button>
      </Menu.Target>
      <Menu.Dropdown mah={400} style={{ overflow: 'auto' }}>
        <Group gap="xs" p="xs" wrap="nowrap" align="flex-start">
          <TextInput
            size="xs"
            style={{ flex: 1 }}
            placeholder={t('saveAs')}
            aria-label={t('saveAs')}
            value={name}
            error={problem}
            onChange={(event) => setName(event.currentTarget.value)}
            onKeyDown={(event) => event.stopPropagation()}
          />
          <Button size="xs" disabled={name.trim() === ''} onClick={save}>
            {t('save')}
          </Button>
        </Group>
        {data?.saved.map(({ id, name: title, query, since, until }) => (
          <Group key={id} wrap="nowrap" gap={0} data-saved={title}>
            <Menu.Item style={{ flex: 1 }} onClick={() => move({ query, since: shortTime(since), until })}>
              <Text size="sm">{visible(title)}</Text>
              <Text size="xs" c="dimmed" className="mono" style={{ overflowWrap: 'anywhere' }}>
                {visible(query)}
              </Text>
            </Menu.Item>
            <Button
              {...small}
              variant="subtle"
              aria-label={`${t('forget')} ${title}`}
              onClick={() => api.forget(id).then(refresh)}
            >
              ×
            </Button>
          </Group>
        ))}
      </Menu.Dropdown>
    </Menu>
  )
}

const shortTime = (text: string) => text.replace(/^now-/, '')

function Share({ range }: { range: SearchRange }) {
  const { t } = useText()
  const [link, setLink] = useState('')
  const share = async () => {
    const { id } = await api.share(range)
    const made = `${location.origin}/share/${id}`
    setLink(made)
    await navigator.clipboard?.writeText(made).catch(() => undefined) // shown anyway
  }
  return (
    <>
      <Button {...small} onClick={() => share().catch((error: Error) => setLink(error.message))}>
        {t('share')}
      </Button>
      {link && (
        <Text size="xs" className="mono" data-share-link style={{ overflowWrap: 'anywhere' }}>
          {link}
        </Text>
      )}
    </>
  )
}

function Export({ range }: { range: SearchRange }) {
  const { t } = useText()
  const address = (more: Record<string, string>) => `/v1/export?${new URLSearchParams({ ...range, ...more })}`
  return (
    <Menu position="bottom-start">
      <Menu.Target>
        <Button {...small}>{t('export')}</Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item component="a" href={address({ format: 'csv', bom: '1' })} download data-export="csv">
          CSV
        </Menu.Item>
        <Menu.Item component="a" href={address({ format: 'ndjson' })} download data-export="ndjson">
          NDJSON
        </Menu.Item>
        <Menu.Label maw={280} style={{ whiteSpace: 'normal' }}>
          {t('exportHow')}
        </Menu.Label>
      </Menu.Dropdown>
    </Menu>
  )
}
