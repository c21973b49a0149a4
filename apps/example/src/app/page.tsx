import { Alert, Container, Stack, Text, Title } from '@mantine/core'
import { IconInfoCircle } from '@tabler/icons-react'
import { OrganisationCard } from '@/components/organisation-card'
import { Brand } from '@/components/shell/brand'
import { listOrganisations } from '@/server/organisations'

export const dynamic = 'force-dynamic'

/** DEMO LOGIN: whoever comes may choose. */
export default async function ChooseOrganisation() {
  const organisations = await listOrganisations()
  return (
    <Container component="main" size={520} py={{ base: 40, sm: 88 }}>
      <Stack gap="xl">
        <Stack gap="xs">
          <Brand />
          <Title order={1} fz={{ base: 26, sm: 32 }} mt="md">
            Choose an organisation
          </Title>
          <Text c="dimmed">
            Three shops share one database. Row level security keeps each to its own rows, in live results too.
          </Text>
        </Stack>
        <Stack gap="sm" component="nav" aria-label="Organisations">
          {organisations.map((organisation) => (
            <OrganisationCard key={organisation.slug} organisation={organisation} />
          ))}
        </Stack>
        <Alert variant="default" icon={<IconInfoCircle />} title="Demo login">
          There are no accounts: the page says which organisation it is, and the server believes it. Replace{' '}
          <code>createContext</code> in <code>src/server/trpc.ts</code> by your own session.
        </Alert>
      </Stack>
    </Container>
  )
}
