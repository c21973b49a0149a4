const LOCALE = 'en-GB'

const money = new Intl.NumberFormat(LOCALE, { style: 'currency', currency: 'EUR' })
const wholeMoney = new Intl.NumberFormat(LOCALE, { style: 'currency', currency: 'EUR', maximumFractionDigits: 0 })
const compactMoney = new Intl.NumberFormat(LOCALE, { style: 'currency', currency: 'EUR', notation: 'compact' })
const integer = new Intl.NumberFormat(LOCALE)
const signedPercent = new Intl.NumberFormat(LOCALE, {
  style: 'percent',
  maximumFractionDigits: 0,
  signDisplay: 'exceptZero',
})
const shortDay = new Intl.DateTimeFormat(LOCALE, { day: 'numeric', month: 'short', timeZone: 'UTC' })
const longDay = new Intl.DateTimeFormat(LOCALE, { weekday: 'short', day: 'numeric', month: 'short', timeZone: 'UTC' })
const dateAndTime = new Intl.DateTimeFormat(LOCALE, { dateStyle: 'medium', timeStyle: 'short' })
const timeOfDay = new Intl.DateTimeFormat(LOCALE, { timeStyle: 'short' })
const clock = new Intl.DateTimeFormat(LOCALE, { timeStyle: 'medium' })
const dayAndMonth = new Intl.DateTimeFormat(LOCALE, { day: 'numeric', month: 'short' })

/** `numeric` columns arrive as strings, which keep every digit; only showing them makes numbers of them. */
export const formatMoney = (amount: string | number): string => money.format(Number(amount))
export const formatWholeMoney = (amount: string | number): string => wholeMoney.format(Number(amount))
export const formatCompactMoney = (amount: number): string => compactMoney.format(amount)
export const formatInteger = (value: number): string => integer.format(value)
export const formatPercent = (ratio: number): string => signedPercent.format(ratio)
export const formatDateAndTime = (date: Date): string => dateAndTime.format(date)
export const formatClock = (date: Date): string => clock.format(date)

/** `2026-11-03` as `3 Nov`. */
export const formatDay = (day: string): string => shortDay.format(new Date(day))
/** `2026-11-03` as `Tue, 3 Nov`. */
export const formatLongDay = (day: string): string => longDay.format(new Date(day))

/** The time for today's dates, otherwise the day. */
export function formatMoment(date: Date, now: Date = new Date()): string {
  if (date.toDateString() === now.toDateString()) return timeOfDay.format(date)
  return dayAndMonth.format(date)
}

/** `8 ms`, `0.4 ms`, `1.2 s`. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds >= 1_000) return `${(milliseconds / 1_000).toFixed(1)} s`
  return `${milliseconds < 10 ? milliseconds.toFixed(1) : Math.round(milliseconds)} ms`
}
