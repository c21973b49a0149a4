'use client'

import { useEffect, useState } from 'react'
import { startOfDay } from '@/lib/days'

/**
 * The start of the present day, which changes at midnight. Dates are parameters of the live queries: a query that asks
 * PostgreSQL for `now()` would change without any row changing, and every window would ask a different one.
 */
export function useToday(): Date {
  const [today, setToday] = useState(() => startOfDay(new Date()))
  useEffect(() => {
    const timer = setInterval(() => {
      const current = startOfDay(new Date())
      setToday((known) => (known.getTime() === current.getTime() ? known : current))
    }, 30_000)
    return () => clearInterval(timer)
  }, [])
  return today
}
