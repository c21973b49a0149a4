'use client'

import { Button } from '@mantine/core'
import { NEXT_STEP } from '@/lib/status'
import type { OrderStatus } from '@/server/database'
import { useSetStatus } from './use-set-status'

/** The one thing that usually happens next to an order. */
export function NextStepButton({ order }: { order: { readonly id: number; readonly status: OrderStatus } }) {
  const setStatus = useSetStatus()
  const step = NEXT_STEP[order.status]
  if (step === undefined) return null
  return (
    <Button
      size="compact-sm"
      variant="default"
      loading={setStatus.isPending}
      onClick={() => setStatus.mutate({ id: order.id, status: step.status })}
      aria-label={`${step.label}: order ${order.id}`}
    >
      {step.label}
    </Button>
  )
}
