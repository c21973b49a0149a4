'use client'

import { Skeleton, Table, Text } from '@mantine/core'
import { IconTrophy } from '@tabler/icons-react'
import { useTRPC } from '@/client/trpc'
import { useFlash } from '@/client/use-flash'
import { useLive } from '@/client/use-live'
import { formatInteger, formatWholeMoney } from '@/lib/format'
import { Empty } from '../empty'
import { Panel } from '../panel'
import classes from './overview.module.css'
import type { Period } from './overview'

interface BestProduct {
  readonly id: number
  readonly name: string
  readonly category: string
  readonly units: number
  readonly revenue: string
}

export function BestProducts({ period }: { period: Period }) {
  const trpc = useTRPC()
  const { data: rows, isPrevious } = useLive(trpc.products.best.subscriptionOptions({ since: period.since }))
  const most = Number(rows?.[0]?.revenue ?? 0)
  return (
    <Panel title="Best products" description={`Ten highest revenues of ${period.days} days`} flush>
      {rows?.length === 0 ? (
        <Empty icon={IconTrophy} title="Nothing sold yet" />
      ) : (
        <Table verticalSpacing={7} highlightOnHover aria-label="Best products" aria-busy={rows === undefined}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th className={classes['rank'] ?? ''}>#</Table.Th>
              <Table.Th>Product</Table.Th>
              <Table.Th className={classes['number'] ?? ''}>Units</Table.Th>
              <Table.Th className={classes['number'] ?? ''} pr="md">
                Revenue
              </Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {rows === undefined
              ? Array.from({ length: 10 }, (_, index) => <LoadingRow key={index} />)
              : rows.map((product, index) => (
                  <Row key={product.id} product={product} rank={index + 1} most={most} settled={!isPrevious} />
                ))}
          </Table.Tbody>
        </Table>
      )}
    </Panel>
  )
}

function Row(props: { product: BestProduct; rank: number; most: number; settled: boolean }) {
  const { product, rank, most } = props
  const flash = useFlash<HTMLTableRowElement>(product, false)
  return (
    <Table.Tr ref={flash}>
      <Table.Td className={classes['rank'] ?? ''}>{rank}</Table.Td>
      <Table.Td>
        <Text size="sm" fw={500} lh={1.3}>
          {product.name}
        </Text>
        <div className={classes['bar']} style={{ width: `${(100 * Number(product.revenue)) / most}%` }} aria-hidden />
      </Table.Td>
      <Table.Td className={classes['number'] ?? ''}>{formatInteger(product.units)}</Table.Td>
      <Table.Td className={classes['number'] ?? ''} pr="md">
        {formatWholeMoney(product.revenue)}
      </Table.Td>
    </Table.Tr>
  )
}

function LoadingRow() {
  return (
    <Table.Tr>
      <Table.Td colSpan={4} px="md">
        <Skeleton h={31} />
      </Table.Td>
    </Table.Tr>
  )
}
