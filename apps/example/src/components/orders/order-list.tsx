'use client'

import { Alert, Table, VisuallyHidden } from '@mantine/core'
import { IconAlertTriangle, IconReceiptOff } from '@tabler/icons-react'
import type { Live } from '@/client/use-live'
import { Empty } from '../empty'
import { LoadingRows } from '../loading-rows'
import { OrderRow, type ListedOrder } from './order-row'
import classes from './orders.module.css'
import { useSettled } from './use-settled'

export function OrderList({ list }: { list: Live<readonly ListedOrder[]> }) {
  // Rows that come in while one watches light up; those of the first page, or of another filter, do not.
  const settled = useSettled(list)
  if (list.error !== undefined)
    return (
      <Alert m="md" color="red" icon={<IconAlertTriangle />} title="The orders could not be read">
        {list.error}
      </Alert>
    )
  if (list.data?.length === 0)
    return (
      <Empty
        icon={IconReceiptOff}
        title="No orders here"
        hint="Nothing matches these filters. A new order that does will appear by itself."
      />
    )
  return (
    <Table
      verticalSpacing={9}
      highlightOnHover
      className={classes['table'] ?? ''}
      aria-label="Orders"
      aria-busy={list.data === undefined || list.isPrevious}
      data-previous={list.isPrevious || undefined}
    >
      <Table.Thead>
        <Table.Tr>
          <Table.Th>Order</Table.Th>
          <Table.Th>Customer</Table.Th>
          <Table.Th>Status</Table.Th>
          <Table.Th className={classes['number'] ?? ''}>Items</Table.Th>
          <Table.Th>Placed</Table.Th>
          <Table.Th className={classes['number'] ?? ''}>Total</Table.Th>
          <Table.Th>
            <VisuallyHidden>Next step</VisuallyHidden>
          </Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody data-testid="orders">
        {list.data === undefined ? (
          <LoadingRows rows={12} columns={7} height={24} />
        ) : (
          list.data.map((order) => <OrderRow key={order.id} order={order} flashOnMount={settled} />)
        )}
      </Table.Tbody>
    </Table>
  )
}
