'use client'

import { Button, Card } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { IconPlus } from '@tabler/icons-react'
import { useTRPC } from '@/client/trpc'
import { useLive } from '@/client/use-live'
import { PageHeading } from '../page-heading'
import { NewOrder } from './new-order'
import { OrderFilterBar } from './order-filter-bar'
import { OrderList } from './order-list'
import { OrderPages } from './order-pages'
import { StatusTabs } from './status-tabs'
import { useOrderFilters } from './use-order-filters'

export function Orders() {
  const trpc = useTRPC()
  const filters = useOrderFilters()
  const [creating, { open, close }] = useDisclosure(false)
  const counts = useLive(trpc.orders.counts.subscriptionOptions(filters.input))
  const list = useLive(
    trpc.orders.list.subscriptionOptions({
      ...filters.input,
      sort: filters.sort,
      page: filters.page,
      ...(filters.status !== undefined && { status: filters.status }),
    }),
  )
  const total = counts.data
    ?.filter(({ status }) => filters.status === undefined || status === filters.status)
    .reduce((sum, { orders }) => sum + orders, 0)
  return (
    <>
      <PageHeading
        title="Orders"
        description="New and changed orders appear by themselves"
        actions={
          <Button leftSection={<IconPlus size={18} aria-hidden />} onClick={open}>
            New order
          </Button>
        }
      />
      <Card withBorder padding={0} component="section" aria-label="Orders">
        <StatusTabs counts={counts.data} filters={filters} />
        <OrderFilterBar filters={filters} />
        <OrderList list={list} />
        <OrderPages total={total} shown={list.data?.length} filters={filters} />
      </Card>
      <NewOrder opened={creating} onClose={close} />
    </>
  )
}
