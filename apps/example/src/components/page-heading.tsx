import { Group, Text, Title } from '@mantine/core'
import type { ReactNode } from 'react'
import classes from './page-heading.module.css'

interface PageHeadingProps {
  readonly title: ReactNode
  readonly description?: ReactNode
  readonly actions?: ReactNode
}

export function PageHeading({ title, description, actions }: PageHeadingProps) {
  return (
    <Group justify="space-between" align="flex-end" mb="lg" gap="sm">
      <div className={classes['words']}>
        <Title order={1} fz={{ base: 22, sm: 26 }} lh={1.25}>
          {title}
        </Title>
        {description && (
          <Text component="div" c="dimmed" size="sm" mt={2}>
            {description}
          </Text>
        )}
      </div>
      {actions}
    </Group>
  )
}
