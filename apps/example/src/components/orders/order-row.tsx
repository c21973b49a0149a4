'use client'

import { Anchor, Table, Text } from '@mantine/core'
import Link from 'next/link'
import { useSession } from '@/client/session'
import { useFlash } from '@/client/use-flash'
import { formatDateAndTime, formatInteger, formatMoment, formatMoney } from '@/lib/format'
import type { OrderStatus } from '@/server/database'
import { NextStepButton } from './next-step-button'
import classes from './orders.module.css'
import { StatusLabel } from './status-label'

export interface ListedOrder {
  readonly id: number
  readonly status: OrderStatus
  readonly placed_at: Date
  readonly total: string
  readonly item_count: number
  readonly customer: string
  readonly city: string
}

export function OrderRow({ order, flashOnMount }: { order: ListedOrder; flashOnMount: boolean }) {
  const { organisation } = useSession()
  const flash = useFlash<HTMLTableRowElement>(order, flashOnMount)
  return (
    <Table.Tr ref={flash} data-order={order.id}>
      <Table.Td className={classes['id'] ?? ''}>
        <Anchor component={Link} href={`/${organisation.slug}/orders/${order.id}`} fw={600} size="sm">
          #{order.id}
        </Anchor>
      </Table.Td>
      <Table.Td className={classes['customer'] ?? ''}>
        <Text size="sm" fw={500} lh={1.3}>
          {order.customer}
        </Text>
        <Text size="xs" c="dimmed" lh={1.3}>
          {order.city}
        </Text>
      </Table.Td>
      <Table.Td className={classes['status'] ?? ''}>
        <StatusLabel status={order.status} />
      </Table.Td>
      <Table.Td className={`${classes['number']} ${classes['items']}`}>{formatInteger(order.item_count)}</Table.Td>
      <Table.Td className={classes['placed'] ?? ''}>
        <time dateTime={order.placed_at.toISOString()} title={formatDateAndTime(order.placed_at)}>
          {formatMoment(order.placed_at)}
        </time>
      </Table.Td>
      <Table.Td className={`${classes['number']} ${classes['total']}`}>{formatMoney(order.total)}</Table.Td>
      <Table.Td className={classes['action'] ?? ''}>
        <NextStepButton order={order} />
      </Table.Td>
    </Table.Tr>
  )
}
