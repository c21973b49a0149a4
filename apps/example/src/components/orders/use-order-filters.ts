'use client'

import { useMemo } from 'react'
import { useToday } from '@/client/use-today'
import { useUrlState, type UrlChange } from '@/client/use-url-state'
import { daysBefore } from '@/lib/days'
import { isOrderStatus } from '@/lib/status'
import type { OrderStatus } from '@/server/database'

export const SORTS = [
  { value: 'newest', label: 'Newest first' },
  { value: 'oldest', label: 'Oldest first' },
  { value: 'largest', label: 'Largest first' },
] as const

export const PERIODS = [
  { value: '1', label: 'Today' },
  { value: '7', label: 'Last 7 days' },
  { value: '30', label: 'Last 30 days' },
] as const

type Sort = (typeof SORTS)[number]['value']

export interface OrderFilters {
  readonly status: OrderStatus | undefined
  readonly search: string
  readonly category: number | undefined
  readonly days: string | null
  readonly sort: Sort
  readonly page: number
  /** What the live queries take. */
  readonly input: { search: string; category?: number; since?: Date }
  readonly isFiltered: boolean
  /** Any change but one of the page goes back to the first page. */
  readonly set: (change: UrlChange, how?: 'push' | 'replace') => void
}

/** The filters live in the address: they survive a reload, can be shared, and the back button undoes them. */
export function useOrderFilters(): OrderFilters {
  const [parameters, setParameters] = useUrlState()
  const today = useToday()
  return useMemo(() => {
    const status = parameters.get('status')
    const search = parameters.get('q') ?? ''
    const category = positiveInteger(parameters.get('category'))
    const days = PERIODS.find(({ value }) => value === parameters.get('days'))?.value ?? null
    return {
      status: isOrderStatus(status) ? status : undefined,
      search,
      category,
      days,
      sort: SORTS.find(({ value }) => value === parameters.get('sort'))?.value ?? 'newest',
      page: Math.min(positiveInteger(parameters.get('page')) ?? 1, 2_000),
      input: {
        search: search.trim().slice(0, 80),
        ...(category !== undefined && { category }),
        ...(days !== null && { since: daysBefore(today, Number(days) - 1) }),
      },
      isFiltered: search.trim() !== '' || category !== undefined || days !== null,
      set: (change, how) => setParameters('page' in change ? change : { ...change, page: null }, how),
    }
  }, [parameters, setParameters, today])
}

function positiveInteger(text: string | null): number | undefined {
  return text !== null && /^[1-9]\d{0,8}$/.test(text) ? Number(text) : undefined
}
