'use client'

import { useMutation } from '@tanstack/react-query'
import { useTRPC } from '@/client/trpc'
import { reportFailure } from '../report-failure'

/** No cache to invalidate afterwards: the rows come by themselves, in every window. */
export function useSetStatus() {
  const trpc = useTRPC()
  return useMutation(trpc.orders.setStatus.mutationOptions({ onError: reportFailure }))
}
