'use client'

import { ActionIcon, AppShell, Drawer, Group, Tooltip } from '@mantine/core'
import { useDisclosure, useMediaQuery } from '@mantine/hooks'
import { IconTimelineEvent } from '@tabler/icons-react'
import type { ReactNode } from 'react'
import { ActivityPanel } from '../activity/activity-panel'
import { Brand } from './brand'
import { ConnectionBadge } from './connection-badge'
import { Navigation, TabBar } from './navigation'
import { OrganisationSwitch } from './organisation-switch'
import { SettingsMenu } from './settings-menu'
import classes from './shell.module.css'
import { StreamButton } from './stream-button'

/** The frame around every page: header, navigation, and what happened beside it, or in a drawer where it is narrow. */
export function Shell({ children }: { children: ReactNode }) {
  // Not by CSS alone: a panel that nobody sees should not subscribe.
  const wide = useMediaQuery('(min-width: 88em)')
  const [beside, { toggle: toggleBeside }] = useDisclosure(true)
  const [drawer, { open: openDrawer, close: closeDrawer }] = useDisclosure(false)
  return (
    <AppShell
      header={{ height: 60 }}
      navbar={{ width: 216, breakpoint: 'sm', collapsed: { mobile: true } }}
      aside={{ width: 344, breakpoint: 'xl', collapsed: { mobile: true, desktop: !beside } }}
      footer={{ height: { base: 62, sm: 0 } }}
      padding={{ base: 'md', sm: 'lg' }}
      transitionDuration={0}
    >
      <a className="skip-link" href="#content">
        Skip to the content
      </a>
      <AppShell.Header className={classes['header'] ?? ''}>
        <Group h="100%" px={{ base: 'sm', sm: 'md' }} justify="space-between" wrap="nowrap" gap="xs">
          <Group gap={6} wrap="nowrap" miw={0}>
            <Brand />
            <OrganisationSwitch />
          </Group>
          <Group gap={8} wrap="nowrap">
            <ConnectionBadge />
            <StreamButton />
            <Tooltip label="What happened">
              <ActionIcon
                variant={wide && beside ? 'light' : 'default'}
                size={36}
                visibleFrom="sm"
                onClick={wide ? toggleBeside : openDrawer}
                aria-label="What happened"
                aria-expanded={wide ? beside : drawer}
              >
                <IconTimelineEvent size={20} stroke={1.8} />
              </ActionIcon>
            </Tooltip>
            <SettingsMenu />
          </Group>
        </Group>
      </AppShell.Header>
      <AppShell.Navbar visibleFrom="sm" className={classes['navbar'] ?? ''} p="sm" aria-label="Pages">
        <Navigation />
      </AppShell.Navbar>
      <AppShell.Main id="content" tabIndex={-1}>
        <div className={classes['page']}>{children}</div>
      </AppShell.Main>
      <AppShell.Aside className={classes['aside'] ?? ''}>{wide && beside && <ActivityPanel />}</AppShell.Aside>
      <AppShell.Footer className={classes['footer'] ?? ''} hiddenFrom="sm">
        <TabBar onActivity={openDrawer} />
      </AppShell.Footer>
      <Drawer
        opened={drawer && !wide}
        onClose={closeDrawer}
        position="right"
        size={400}
        padding={0}
        withCloseButton={false}
        attributes={{ content: { 'aria-label': 'What happened' } }}
        styles={{ body: { height: '100%' } }}
      >
        <ActivityPanel onClose={closeDrawer} />
      </Drawer>
    </AppShell>
  )
}
