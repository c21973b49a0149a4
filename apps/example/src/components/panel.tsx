import { Box, Card, Group, Text, Title } from '@mantine/core'
import type { ReactNode } from 'react'

interface PanelProps {
  readonly title: string
  readonly description?: string
  readonly actions?: ReactNode
  /** Without inner padding: for tables that reach the edges. */
  readonly flush?: boolean
  readonly children: ReactNode
}

/** A card with a heading: the board's unit. */
export function Panel({ title, description, actions, flush = false, children }: PanelProps) {
  return (
    <Card component="section" withBorder padding={0} aria-label={title}>
      <Group justify="space-between" align="flex-start" px="md" pt="md" pb="sm" wrap="nowrap" gap="sm">
        <div>
          <Title order={2} fz={16} lh={1.3}>
            {title}
          </Title>
          {description && (
            <Text size="sm" c="dimmed" mt={2}>
              {description}
            </Text>
          )}
        </div>
        <Box flex="none">{actions}</Box>
      </Group>
      <Box px={flush ? 0 : 'md'} pb={flush ? 0 : 'md'}>
        {children}
      </Box>
    </Card>
  )
}
