'use client'

import { Button, type ButtonProps } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { useTRPC } from '@/client/trpc'
import { reportFailure } from '../report-failure'

interface RestockButtonProps {
  readonly product: { readonly id: number; readonly name: string }
  readonly size: NonNullable<ButtonProps['size']>
}

const QUANTITY = 50

/** No cache to invalidate afterwards: the rows come by themselves. */
export function RestockButton({ product, size }: RestockButtonProps) {
  const trpc = useTRPC()
  const restock = useMutation(trpc.products.restock.mutationOptions({ onError: reportFailure }))
  return (
    <Button
      size={size}
      variant="default"
      loading={restock.isPending}
      onClick={() => restock.mutate({ id: product.id, quantity: QUANTITY })}
      aria-label={`Restock ${product.name} by ${QUANTITY}`}
    >
      +{QUANTITY}
    </Button>
  )
}
