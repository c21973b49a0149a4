'use client'

import { Group, Pagination, Text } from '@mantine/core'
import { formatInteger } from '@/lib/format'
import classes from './orders.module.css'
import type { OrderFilters } from './use-order-filters'

const PAGE_SIZE = 25

interface OrderPagesProps {
  readonly total: number | undefined
  readonly shown: number | undefined
  readonly filters: OrderFilters
}

export function OrderPages({ total, shown, filters }: OrderPagesProps) {
  if (total === undefined || shown === undefined || total === 0) return null
  const first = (filters.page - 1) * PAGE_SIZE + 1
  const pages = Math.max(1, Math.ceil(total / PAGE_SIZE))
  return (
    <Group justify="space-between" className={classes['pages'] ?? ''}>
      <Text size="sm" c="dimmed">
        {shown === 0 ? 'None' : `${formatInteger(first)}–${formatInteger(first + shown - 1)}`} of {formatInteger(total)}
      </Text>
      <Pagination
        size="sm"
        total={pages}
        value={Math.min(filters.page, pages)}
        onChange={(page) => filters.set({ page: page === 1 ? null : String(page) })}
        siblings={1}
        getControlProps={(control) => ({ 'aria-label': `${control} page` })}
        getItemProps={(page) => ({ 'aria-label': `Page ${page}` })}
      />
    </Group>
  )
}
