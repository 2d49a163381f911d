import { Alert, Container, Paper, Stack, Text, Title } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { useEffect, useRef, useState } from 'react'
import { api } from '../client.ts'
import { useText } from '../i18n.tsx'
import { go, usePlace } from '../router.ts'

/** The token comes in the fragment or the query of the one-time link, and leaves the address before it is used. */
export function SignInPage() {
  const { t } = useText()
  const { params } = usePlace()
  const queries = useQueryClient()
  const [problem, setProblem] = useState<string>()
  const [token] = useState(() => params.get('token') ?? /token=([\w-]+)/.exec(location.hash)?.[1])
  const used = useRef(false)

  useEffect(() => {
    if (!token || used.current) return
    used.current = true
    history.replaceState(null, '', '/sign-in')
    api
      .signIn(token)
      .then(async (session) => {
        queries.setQueryData(['session'], session)
        go('/search', {}, true)
      })
      .catch((error: Error) => setProblem(error.message))
  }, [token, queries])

  return (
    <Container size="xs" pt="xl">
      <Paper withBorder p="lg">
        <Stack>
          <Title order={1} size="h3">
            Haetae
          </Title>
          {problem && <Alert color="red" title={problem} />}
          <Text>{token && !problem ? t('signingIn') : t('signInHow')}</Text>
        </Stack>
      </Paper>
    </Container>
  )
}
