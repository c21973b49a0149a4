'use client'

import { useMutation } from '@tanstack/react-query'
import { useTRPC } from '@/client/trpc'
import { reportFailure } from '../report-failure'

/** No cache to invalidate afterwards: the rows come by themselves. */
export function useRestock() {
  const trpc = useTRPC()
  return useMutation(trpc.products.restock.mutationOptions({ onError: reportFailure }))
}
