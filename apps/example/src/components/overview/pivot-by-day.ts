import { listDays } from '@/lib/days'

export interface RevenueRow {
  readonly day: string
  readonly category: string
  readonly position: number
  readonly revenue: string
}

/** `{ day: '2026-11-03', Beans: 120.5, … }`: what a stacked chart takes. Amounts are for looking at, not for adding up. */
export type DayOfRevenue = Record<string, string | number>

export interface RevenueByDay {
  readonly categories: readonly string[]
  /** One for each day of the period: a day without orders is a gap in the rows, but not on the axis. */
  readonly days: DayOfRevenue[]
}

export function pivotByDay(
  rows: readonly RevenueRow[],
  period: { readonly since: Date; readonly today: Date },
): RevenueByDay {
  const positions = new Map(rows.map(({ category, position }) => [category, position]))
  const categories = [...positions.keys()].toSorted((a, b) => positions.get(a)! - positions.get(b)!)
  const empty = Object.fromEntries(categories.map((category) => [category, 0]))
  const days = new Map<string, DayOfRevenue>(
    listDays(period.since, period.today).map((day) => [day, { ...empty, day }]),
  )
  for (const { day, category, revenue } of rows) {
    const entry = days.get(day)
    if (entry) entry[category] = Number(revenue)
  }
  return { categories, days: [...days.values()] }
}
