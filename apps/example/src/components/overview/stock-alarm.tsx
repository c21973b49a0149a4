'use client'

import { Badge, ScrollArea, Skeleton, Stack, Text } from '@mantine/core'
import { IconPackage } from '@tabler/icons-react'
import { useTRPC } from '@/client/trpc'
import { useFlash } from '@/client/use-flash'
import { useLive } from '@/client/use-live'
import { Empty } from '../empty'
import { Panel } from '../panel'
import { RestockButton } from '../products/restock-button'
import classes from './overview.module.css'

interface ShortProduct {
  readonly id: number
  readonly sku: string
  readonly name: string
  readonly stock: number
  readonly reorder_level: number
}

export function StockAlarm() {
  const trpc = useTRPC()
  const { data: rows } = useLive(trpc.products.low.subscriptionOptions())
  return (
    <Panel
      title="Stock alarm"
      description="At or below the level at which to reorder"
      actions={
        rows &&
        rows.length > 0 && (
          <Badge color="red" variant="light" size="lg" circle>
            {rows.length}
          </Badge>
        )
      }
      flush
    >
      {rows === undefined ? (
        <Stack px="md" pb="md" gap="sm" aria-busy aria-label="Loading the stock alarm">
          {Array.from({ length: 5 }, (_, index) => (
            <Skeleton key={index} h={36} />
          ))}
        </Stack>
      ) : rows.length === 0 ? (
        <Empty
          icon={IconPackage}
          title="All shelves are full"
          hint="Products that run short appear here by themselves."
        />
      ) : (
        <ScrollArea.Autosize mah={520} viewportProps={{ tabIndex: 0 }}>
          <ul className={classes['alarm']} data-testid="stock-alarm">
            {rows.map((product) => (
              <Item key={product.id} product={product} />
            ))}
          </ul>
        </ScrollArea.Autosize>
      )}
    </Panel>
  )
}

function Item({ product }: { product: ShortProduct }) {
  const flash = useFlash<HTMLLIElement>(product, false)
  return (
    <li ref={flash}>
      <div className={classes['grow']}>
        <Text size="sm" fw={500} lh={1.3} truncate>
          {product.name}
        </Text>
        <Text size="xs" c="dimmed">
          {product.sku} · reorder at {product.reorder_level}
        </Text>
      </div>
      <span className={classes['left']} data-none={product.stock === 0 || undefined}>
        {product.stock === 0 ? 'none left' : `${product.stock} left`}
      </span>
      <RestockButton product={product} size="xs" />
    </li>
  )
}
