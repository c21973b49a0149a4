'use client'

import { Table, Text } from '@mantine/core'
import { useFlash } from '@/client/use-flash'
import { formatInteger, formatMoney } from '@/lib/format'
import { LoadingRows } from '../loading-rows'
import { Panel } from '../panel'
import classes from './orders.module.css'

interface Item {
  readonly id: number
  readonly quantity: number
  readonly unit_price: string
  readonly name: string
  readonly sku: string
  readonly stock: number
  readonly category: string
}

export function OrderItems(props: { items: readonly Item[] | undefined; total: string | undefined }) {
  const { items, total } = props
  return (
    <Panel title="Items" flush>
      <Table verticalSpacing="sm" className={classes['plain'] ?? ''} aria-label="Items" aria-busy={items === undefined}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Product</Table.Th>
            <Table.Th className={classes['number'] ?? ''}>Quantity</Table.Th>
            <Table.Th className={classes['number'] ?? ''} visibleFrom="xs">
              Price
            </Table.Th>
            <Table.Th className={classes['number'] ?? ''}>Amount</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody data-testid="items">
          {items === undefined ? (
            <LoadingRows rows={1} columns={4} height={36} />
          ) : (
            items.map((item) => <ItemRow key={item.id} item={item} />)
          )}
        </Table.Tbody>
        <Table.Tfoot>
          <Table.Tr>
            <Table.Th>Total</Table.Th>
            <Table.Td />
            <Table.Td visibleFrom="xs" />
            <Table.Th className={classes['number'] ?? ''} fz="md">
              {total === undefined ? '–' : formatMoney(total)}
            </Table.Th>
          </Table.Tr>
        </Table.Tfoot>
      </Table>
    </Panel>
  )
}

function ItemRow({ item }: { item: Item }) {
  const flash = useFlash<HTMLTableRowElement>(item, false)
  return (
    <Table.Tr ref={flash}>
      <Table.Td>
        <Text size="sm" fw={500} lh={1.3}>
          {item.name}
        </Text>
        <Text size="xs" c="dimmed">
          {item.category} · {item.sku} · {formatInteger(item.stock)} in stock
        </Text>
      </Table.Td>
      <Table.Td className={classes['number'] ?? ''}>{item.quantity}</Table.Td>
      <Table.Td className={classes['number'] ?? ''} visibleFrom="xs">
        {formatMoney(item.unit_price)}
      </Table.Td>
      <Table.Td className={classes['number'] ?? ''}>{formatMoney(item.quantity * Number(item.unit_price))}</Table.Td>
    </Table.Tr>
  )
}
