import { Alert, Button, Checkbox, Group, Stack, TextInput } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import type { WireAlert } from '../../../core/api.ts'
import { api } from '../client.ts'
import { visible } from '../event-text.ts'
import { useText } from '../i18n.tsx'

/** "Not this again": which of the alert's values, why, until when. */
export function ExceptionForm({ alert, onDone }: { alert: WireAlert; onDone: () => void }) {
  const { t } = useText()
  const queries = useQueryClient()
  const [chosen, setChosen] = useState<Record<string, boolean>>({})
  const [reason, setReason] = useState('')
  const [until, setUntil] = useState(() => new Date(Date.now() + 90 * 86_400_000).toISOString().slice(0, 10))
  const make = useMutation({
    mutationFn: () => {
      const fields: Record<string, string[]> = {}
      for (const [name, values] of Object.entries(alert.entities)) if (chosen[name]) fields[name] = [...values]
      return api.makeException(alert.id, { fields, reason, until })
    },
    onSuccess: () => {
      queries.invalidateQueries({ queryKey: ['exceptions'] })
      onDone()
    },
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    make.mutate()
  }
  return (
    <form onSubmit={submit}>
      <Stack gap="xs">
        {make.error && <Alert color="red" title={make.error.message} />}
        {Object.entries(alert.entities).map(([name, values]) => (
          <Checkbox
            key={name}
            label={`${name} = ${values.map(visible).join(', ')}`}
            checked={chosen[name] ?? false}
            onChange={(event) => setChosen({ ...chosen, [name]: event.currentTarget.checked })}
          />
        ))}
        <TextInput
          required
          label={t('exceptionReason')}
          value={reason}
          onChange={(event) => setReason(event.currentTarget.value)}
        />
        <TextInput
          required
          type="date"
          label={t('until')}
          value={until}
          onChange={(event) => setUntil(event.currentTarget.value)}
        />
        <Group>
          <Button size="xs" type="submit" loading={make.isPending} disabled={!Object.values(chosen).some(Boolean)}>
            {t('makeException')}
          </Button>
          <Button size="xs" variant="default" onClick={onDone}>
            {t('cancel')}
          </Button>
        </Group>
      </Stack>
    </form>
  )
}
