'use client'

import { Card, Group, Text, ThemeIcon } from '@mantine/core'
import { IconBuildingStore, IconChevronRight } from '@tabler/icons-react'
import Link from 'next/link'
import type { OrganisationSummary } from '@/client/session'
import classes from './organisation-card.module.css'

export function OrganisationCard({ organisation }: { organisation: OrganisationSummary }) {
  return (
    <Card component={Link} href={`/${organisation.slug}`} withBorder padding="md" className={classes['choice'] ?? ''}>
      <Group wrap="nowrap">
        <ThemeIcon size={44} variant="light" aria-hidden>
          <IconBuildingStore size={24} stroke={1.6} />
        </ThemeIcon>
        <div className={classes['label']}>
          <Text fw={600}>{organisation.name}</Text>
          <Text size="sm" c="dimmed">
            {organisation.tagline}
          </Text>
        </div>
        <IconChevronRight size={20} aria-hidden />
      </Group>
    </Card>
  )
}
