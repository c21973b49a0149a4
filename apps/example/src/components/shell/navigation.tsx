'use client'

import { Stack, Text } from '@mantine/core'
import { IconLayoutDashboard, IconPackage, IconReceipt, IconTimelineEvent, type Icon } from '@tabler/icons-react'
import Link from 'next/link'
import { usePathname } from 'next/navigation'
import { useSession } from '@/client/session'
import classes from './shell.module.css'

interface Destination {
  readonly path: string
  readonly label: string
  readonly icon: Icon
}

const DESTINATIONS: readonly Destination[] = [
  { path: '', label: 'Overview', icon: IconLayoutDashboard },
  { path: '/orders', label: 'Orders', icon: IconReceipt },
  { path: '/products', label: 'Products', icon: IconPackage },
]

function useDestinations() {
  const { organisation } = useSession()
  const pathname = usePathname()
  const home = `/${organisation.slug}`
  return DESTINATIONS.map((destination) => {
    const href = home + destination.path
    const isCurrent = destination.path === '' ? pathname === home : pathname.startsWith(href)
    return { ...destination, href, current: isCurrent ? ('page' as const) : undefined }
  })
}

/** The column of links on wide screens. */
export function Navigation() {
  const { organisation } = useSession()
  return (
    <Stack gap={4} h="100%">
      {useDestinations().map(({ href, label, icon: Symbol, current }) => (
        <Link key={href} href={href} className={classes['navlink']} aria-current={current}>
          <Symbol size={20} stroke={1.8} aria-hidden />
          {label}
        </Link>
      ))}
      <Text size="xs" c="dimmed" mt="auto" p="xs">
        {organisation.name}: {organisation.tagline.toLowerCase()}. Demo data.
      </Text>
    </Stack>
  )
}

/** The same links at the bottom of a phone. */
export function TabBar({ onActivity }: { onActivity: () => void }) {
  return (
    <nav className={classes['tabs']} aria-label="Pages">
      {useDestinations().map(({ href, label, icon: Symbol, current }) => (
        <Link key={href} href={href} className={classes['tab']} aria-current={current}>
          <Symbol size={22} stroke={1.7} aria-hidden />
          {label}
        </Link>
      ))}
      <button type="button" className={classes['tab']} aria-haspopup="dialog" onClick={onActivity}>
        <IconTimelineEvent size={22} stroke={1.7} aria-hidden />
        Activity
      </button>
    </nav>
  )
}
