'use client'

import { ScrollArea, Tabs, Text } from '@mantine/core'
import { formatInteger } from '@/lib/format'
import { STATUS_LABELS, STATUSES } from '@/lib/status'
import type { OrderStatus } from '@/server/database'
import classes from './orders.module.css'
import type { OrderFilters } from './use-order-filters'

interface StatusTabsProps {
  readonly counts: readonly { readonly status: OrderStatus; readonly orders: number }[] | undefined
  readonly filters: OrderFilters
}

/** The status filter, with the number of orders that each choice would show. */
export function StatusTabs({ counts, filters }: StatusTabsProps) {
  const ordersOf = (status: OrderStatus) => counts?.find((count) => count.status === status)?.orders ?? 0
  const all = counts?.reduce((sum, { orders }) => sum + orders, 0)
  return (
    <Tabs
      value={filters.status ?? 'all'}
      onChange={(value) => filters.set({ status: value === 'all' ? null : value })}
      aria-label="Status"
    >
      <ScrollArea type="never" viewportProps={{ tabIndex: -1 }}>
        <Tabs.List className={classes['tabs'] ?? ''} aria-label="Status">
          <StatusTab value="all" label="All" count={all} />
          {STATUSES.map((status) => (
            <StatusTab key={status} value={status} label={STATUS_LABELS[status]} count={counts && ordersOf(status)} />
          ))}
        </Tabs.List>
      </ScrollArea>
    </Tabs>
  )
}

function StatusTab({ value, label, count }: { value: string; label: string; count: number | undefined }) {
  return (
    <Tabs.Tab
      value={value}
      data-testid={`tab-${value}`}
      rightSection={
        <Text span size="xs" c="dimmed" className={classes['count'] ?? ''}>
          {count === undefined ? '–' : formatInteger(count)}
        </Text>
      }
    >
      {label}
    </Tabs.Tab>
  )
}
