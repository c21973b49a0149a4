'use client'

import { useEffect, useState } from 'react'
import type { Live } from '@/client/use-live'

/** Whether the rows have been shown before, for this very query: what comes now is news. */
export function useSettled(list: Live<unknown>): boolean {
  const [settled, setSettled] = useState(false)
  const showsRows = list.data !== undefined && !list.isPrevious
  useEffect(() => setSettled(showsRows), [showsRows])
  return settled && showsRows
}
