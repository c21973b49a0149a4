'use client'

import { Button, Container, Stack, Text, Title } from '@mantine/core'

export default function PageError({ error, reset }: { error: Error; reset: () => void }) {
  return (
    <Container component="main" size={520} py={96}>
      <Stack gap="md" align="flex-start">
        <Title order={1}>That did not work</Title>
        <Text c="dimmed">The page could not be made, most likely because the database is away. {error.message}</Text>
        <Button onClick={reset}>Try again</Button>
      </Stack>
    </Container>
  )
}
