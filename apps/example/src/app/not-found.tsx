import { Container, Stack, Text, Title } from '@mantine/core'
import Link from 'next/link'

export default function NotFound() {
  return (
    <Container component="main" size={520} py={96}>
      <Stack gap="sm">
        <Title order={1}>Nothing here</Title>
        <Text c="dimmed">This address belongs to no page of the board.</Text>
        <Link href="/">Choose an organisation</Link>
      </Stack>
    </Container>
  )
}
