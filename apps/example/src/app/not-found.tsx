import { Anchor, Container, Stack, Text, Title } from '@mantine/core'
import type { Metadata } from 'next'
import { Brand } from '@/components/shell/brand'

export const metadata: Metadata = { title: 'Nothing here' }

export default function NotFound() {
  return (
    <Container component="main" size={520} py={96}>
      <Stack gap="sm">
        <Brand />
        <Title order={1} mt="md">
          Nothing here
        </Title>
        <Text c="dimmed">This address belongs to no page of the board.</Text>
        <Anchor href="/">Choose an organisation</Anchor>
      </Stack>
    </Container>
  )
}
