const DAY_MS = 86_400_000

/** Midnight UTC: the board's days are UTC days, here and in the queries. */
export function startOfDay(date: Date): Date {
  return new Date(Math.floor(date.getTime() / DAY_MS) * DAY_MS)
}

export function daysBefore(date: Date, days: number): Date {
  return new Date(date.getTime() - days * DAY_MS)
}

/** `2026-11-03` for each day from the first to the last, both included. */
export function listDays(first: Date, last: Date): string[] {
  const days: string[] = []
  for (let time = first.getTime(); time <= last.getTime(); time += DAY_MS)
    days.push(new Date(time).toISOString().slice(0, 10))
  return days
}
