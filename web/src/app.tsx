import {
  Alert,
  Anchor,
  AppShell,
  Burger,
  Button,
  Group,
  Loader,
  NavLink,
  Text,
  Title,
  useMantineColorScheme,
} from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { ApiError, api } from './client.ts'
import { useText } from './i18n.tsx'
import { AlertPage } from './pages/alert.tsx'
import { AlertsPage } from './pages/alerts.tsx'
import { RulesPage } from './pages/rules.tsx'
import { SearchPage } from './pages/search.tsx'
import { SharePage } from './pages/share.tsx'
import { SignInPage } from './pages/sign-in.tsx'
import { SourcesPage } from './pages/sources.tsx'
import { TailPage } from './pages/tail.tsx'
import { UnparsedPage } from './pages/unparsed.tsx'
import { go, usePlace } from './router.ts'

const pages = ['search', 'tail', 'alerts', 'sources', 'rules'] as const

export function App() {
  const { t, toggle } = useText()
  const { path } = usePlace()
  const { toggleColorScheme } = useMantineColorScheme()
  const [menu, { toggle: toggleMenu, close: closeMenu }] = useDisclosure()
  const queries = useQueryClient()
  const signingIn = path === '/sign-in' || location.hash.includes('token=')
  const session = useQuery({ queryKey: ['session'], queryFn: api.session, enabled: !signingIn, staleTime: Infinity })
  const unknown = session.error instanceof ApiError && session.error.problem.status === 401
  if (signingIn || unknown) return <SignInPage />
  if (session.isPending) return <Loader m="xl" />
  if (session.error) return <Alert color="red" m="md" title={session.error.message} />

  const here = path === '/' ? 'search' : (path.split('/')[1] ?? '')
  return (
    <AppShell
      header={{ height: 48 }}
      navbar={{ width: 150, breakpoint: 'sm', collapsed: { mobile: !menu } }}
      padding="sm"
    >
      <AppShell.Header>
        <Group h="100%" px="sm" justify="space-between" wrap="nowrap">
          <Group gap="xs" wrap="nowrap">
            <Burger opened={menu} onClick={toggleMenu} hiddenFrom="sm" size="sm" aria-label="menu" />
            <Title order={1} size="h4">
              Haetae
            </Title>
            <Text size="xs" c="dimmed" visibleFrom="sm">
              {session.data?.version}
            </Text>
          </Group>
          <Group gap="xs" wrap="nowrap">
            <Button size="compact-sm" variant="subtle" onClick={toggle}>
              {t('language')}
            </Button>
            <Button size="compact-sm" variant="subtle" onClick={toggleColorScheme} aria-label={t('scheme')}>
              ◐
            </Button>
            <Anchor
              component="button"
              size="sm"
              onClick={() => api.signOut().finally(() => queries.resetQueries({ queryKey: ['session'] }))}
            >
              {t('signOut')}
            </Anchor>
          </Group>
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="xs">
        {pages.map((page) => (
          <NavLink
            key={page}
            href={`/${page}`}
            label={t(page)}
            active={here === page || (page === 'sources' && here === 'unparsed')}
            onClick={(event) => {
              event.preventDefault()
              closeMenu()
              go(`/${page}`)
            }}
          />
        ))}
      </AppShell.Navbar>
      <AppShell.Main>
        {here === 'search' && <SearchPage />}
        {here === 'share' && <SharePage id={decodeURIComponent(path.split('/')[2] ?? '')} />}
        {here === 'tail' && <TailPage />}
        {here === 'alerts' &&
          (path.split('/')[2] ? <AlertPage id={decodeURIComponent(path.split('/')[2] ?? '')} /> : <AlertsPage />)}
        {here === 'sources' && <SourcesPage />}
        {here === 'unparsed' && <UnparsedPage />}
        {here === 'rules' && <RulesPage />}
      </AppShell.Main>
    </AppShell>
  )
}
