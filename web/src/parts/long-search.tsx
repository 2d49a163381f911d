import { Button, Group, Progress, Text } from '@mantine/core'
import { useEffect, useState } from 'react'
import type { JobOutput, SearchOutput } from '../../../core/api.ts'
import { api } from '../client.ts'
import { formatTime } from '../event-text.ts'
import { useText } from '../i18n.tsx'
import type { SearchRange } from './search-menu.tsx'

/** A search that took too long for a request, going on by itself: progress, what it has, stop. */
export function LongSearch({ range, onResult }: { range: SearchRange; onResult: (result: SearchOutput) => void }) {
  const { t } = useText()
  const [job, setJob] = useState<JobOutput>()
  const [problem, setProblem] = useState('')
  const { query, since, until } = range

  // biome-ignore lint/correctness/useExhaustiveDependencies: one job a search, whatever the page does with its result
  useEffect(() => {
    let id: string | undefined
    let timer: ReturnType<typeof setTimeout> | undefined
    let gone = false
    const look = (now: JobOutput) => {
      if (gone) return
      setJob(now)
      if (now.result) onResult(now.result)
      if (now.state === 'running') timer = setTimeout(() => api.job(now.id).then(look, fail), 700)
    }
    const fail = (error: Error) => setProblem(error.message)
    api.startJob({ query, since, until, limit: 200 }).then((started) => {
      id = started.id
      if (gone) api.stopJob(id).catch(fail)
      else look(started)
    }, fail)
    return () => {
      gone = true
      clearTimeout(timer)
      if (id !== undefined) api.stopJob(id).catch(() => undefined) // it ends by itself
    }
  }, [query, since, until])

  return (
    <Group gap="sm" data-job={job?.state}>
      {job?.state === 'running' && (
        <>
          <Progress value={Math.max(3, job.progress * 100)} animated w={200} />
          <Button size="compact-sm" variant="default" onClick={() => api.stopJob(job.id).then(setJob)}>
            {t('stop')}
          </Button>
        </>
      )}
      <Text size="sm" c="dimmed">
        {problem || job?.problem?.detail}
        {job?.state === 'running' && t('longSearch')}
        {job?.state === 'cancelled' && t('stopped')}
        {job?.partialSince !== undefined &&
          job.state !== 'done' &&
          ` ${t('exactSince')} ${formatTime(job.partialSince)}`}
      </Text>
    </Group>
  )
}
