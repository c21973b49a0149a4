'use client'

import { Button, Group, NumberInput, Popover, UnstyledButton } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { useTRPC } from '@/client/trpc'
import { formatMoney } from '@/lib/format'
import { reportFailure } from '../report-failure'
import classes from './products.module.css'
import type { Product } from './product-table'

/** A price that opens into a small form. */
export function PriceField({ product }: { product: Product }) {
  const [opened, setOpened] = useState(false)
  return (
    <Popover opened={opened} onChange={setOpened} position="bottom-end" shadow="md" trapFocus returnFocus>
      <Popover.Target>
        <UnstyledButton
          className={classes['price'] ?? ''}
          onClick={() => setOpened(!opened)}
          aria-label={`Price of ${product.name}: ${formatMoney(product.price)}. Change`}
        >
          {formatMoney(product.price)}
        </UnstyledButton>
      </Popover.Target>
      <Popover.Dropdown>
        <PriceForm product={product} onDone={() => setOpened(false)} />
      </Popover.Dropdown>
    </Popover>
  )
}

function PriceForm({ product, onDone }: { product: Product; onDone: () => void }) {
  const trpc = useTRPC()
  const [price, setPrice] = useState<string | number>(Number(product.price))
  const save = useMutation(trpc.products.setPrice.mutationOptions({ onSuccess: onDone, onError: reportFailure }))
  const isValid = Number(price) > 0
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        if (isValid) save.mutate({ id: product.id, price: Number(price) })
      }}
    >
      <Group gap="xs" align="flex-end" wrap="nowrap">
        <NumberInput
          label="New price"
          data-autofocus
          prefix="€"
          min={0.01}
          max={100_000}
          decimalScale={2}
          fixedDecimalScale
          hideControls
          w={120}
          value={price}
          onChange={setPrice}
          error={!isValid}
        />
        <Button type="submit" loading={save.isPending} disabled={!isValid}>
          Save
        </Button>
      </Group>
    </form>
  )
}
