import { Center, Stack, Text, ThemeIcon } from '@mantine/core'
import type { Icon } from '@tabler/icons-react'

interface EmptyProps {
  readonly icon: Icon
  readonly title: string
  readonly hint?: string
}

/** What stands in place of rows when there are none. */
export function Empty({ icon: Symbol, title, hint }: EmptyProps) {
  return (
    <Center py={40} px="md">
      <Stack align="center" gap={6}>
        <ThemeIcon size={44} radius="xl" variant="default" aria-hidden>
          <Symbol size={22} stroke={1.6} />
        </ThemeIcon>
        <Text fw={600} mt={4}>
          {title}
        </Text>
        {hint && (
          <Text size="sm" c="dimmed" ta="center" maw={340}>
            {hint}
          </Text>
        )}
      </Stack>
    </Center>
  )
}
