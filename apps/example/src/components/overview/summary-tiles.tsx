'use client'

import { Card, Group, SimpleGrid, Skeleton, Text } from '@mantine/core'
import { IconTrendingDown, IconTrendingUp } from '@tabler/icons-react'
import { useTRPC } from '@/client/trpc'
import { useFlash } from '@/client/use-flash'
import { useLive } from '@/client/use-live'
import { formatInteger, formatMoney, formatPercent, formatWholeMoney } from '@/lib/format'
import classes from './overview.module.css'
import type { Period } from './overview'

export function SummaryTiles({ period }: { period: Period }) {
  const trpc = useTRPC()
  const { since, previous, today, days } = period
  const { data: figures } = useLive(trpc.revenue.summary.subscriptionOptions({ since, previous, today }))
  const before = `vs ${days} days before`
  if (figures === undefined) return <LoadingTiles />
  const revenue = Number(figures.revenue)
  return (
    <SimpleGrid cols={{ base: 2, lg: 4 }} spacing={{ base: 'sm', sm: 'md' }}>
      <Tile label="Revenue" value={formatWholeMoney(revenue)}>
        <Trend now={revenue} past={Number(figures.previous_revenue)} than={before} />
      </Tile>
      <Tile label="Orders" value={formatInteger(figures.orders)}>
        <Trend now={figures.orders} past={figures.previous_orders} than={before} />
      </Tile>
      <Tile label="Average order" value={figures.orders === 0 ? '–' : formatMoney(revenue / figures.orders)}>
        <Text size="xs" c="dimmed">
          over {days} days
        </Text>
      </Tile>
      <Tile label="Open orders" value={formatInteger(figures.open)}>
        <Text size="xs" c="dimmed">
          {formatInteger(figures.today)} placed today
        </Text>
      </Tile>
    </SimpleGrid>
  )
}

function Tile({ label, value, children }: { label: string; value: string; children: React.ReactNode }) {
  const flash = useFlash<HTMLDivElement>(value, false)
  return (
    <Card withBorder padding={0}>
      <div ref={flash} className={classes['tile']}>
        <Text size="sm" c="dimmed" fw={500}>
          {label}
        </Text>
        <Text className={classes['figure'] ?? ''} data-testid={`figure-${label}`}>
          {value}
        </Text>
        {children}
      </div>
    </Card>
  )
}

function Trend({ now, past, than }: { now: number; past: number; than: string }) {
  if (past === 0) return <Text size="xs">&nbsp;</Text>
  const ratio = now / past - 1
  const Symbol = ratio < 0 ? IconTrendingDown : IconTrendingUp
  return (
    <Group gap={5} wrap="nowrap" title={`${formatPercent(ratio)} ${than}`}>
      <Symbol size={15} className={classes[ratio < 0 ? 'down' : 'up'] ?? ''} aria-hidden />
      <Text size="xs" fw={600} className={classes[ratio < 0 ? 'down' : 'up'] ?? ''}>
        {formatPercent(ratio)}
      </Text>
      <Text size="xs" c="dimmed" truncate visibleFrom="sm">
        {than}
      </Text>
    </Group>
  )
}

function LoadingTiles() {
  return (
    <SimpleGrid cols={{ base: 2, lg: 4 }} spacing={{ base: 'sm', sm: 'md' }} aria-busy aria-label="Loading key figures">
      {['Revenue', 'Orders', 'Average order', 'Open orders'].map((label) => (
        <Card key={label} withBorder padding={0}>
          <div className={classes['tile']}>
            <Text size="sm" c="dimmed" fw={500}>
              {label}
            </Text>
            <Skeleton h={30} w="60%" my={5} />
            <Skeleton h={10} w="80%" mt={6} />
          </div>
        </Card>
      ))}
    </SimpleGrid>
  )
}
