'use client'

import { Menu, Text, UnstyledButton } from '@mantine/core'
import { IconCheck, IconLogout, IconSelector } from '@tabler/icons-react'
import Link from 'next/link'
import { useSession } from '@/client/session'
import classes from './shell.module.css'

/** DEMO LOGIN: another organisation is another address, so that two windows can stand side by side. */
export function OrganisationSwitch() {
  const { organisation, organisations } = useSession()
  return (
    <Menu position="bottom-start" width={260} shadow="md">
      <Menu.Target>
        <UnstyledButton className={classes['switch'] ?? ''} aria-label={`Organisation: ${organisation.name}. Switch`}>
          <Text span inherit truncate>
            {organisation.name}
          </Text>
          <IconSelector size={16} stroke={1.8} aria-hidden />
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>Work in (demo login)</Menu.Label>
        {organisations.map(({ slug, name, tagline }) => (
          <Menu.Item
            key={slug}
            component={Link}
            href={`/${slug}`}
            rightSection={slug === organisation.slug ? <IconCheck size={16} aria-label="current" /> : undefined}
          >
            <Text size="sm" fw={500}>
              {name}
            </Text>
            <Text size="xs" c="dimmed">
              {tagline}
            </Text>
          </Menu.Item>
        ))}
        <Menu.Divider />
        <Menu.Item component={Link} href="/" leftSection={<IconLogout size={16} aria-hidden />}>
          Leave
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  )
}
