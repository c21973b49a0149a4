/** Rows as text, so that they compare as users see them: `2.50` is not `2.5`, a Date is its moment, bytes are bytes. */
export type Row = Readonly<Record<string, unknown>>

/**
 * One line of text for each row. With `loose`, numbers that are equal print alike: where a query keeps one of several
 * equal values, PostgreSQL may keep another one next time.
 */
export function rowTexts(rows: readonly Row[], loose: boolean): string[] {
  return rows.map((row) => {
    const entries = Object.keys(row)
      .sort()
      .map((name) => `${JSON.stringify(name)}: ${valueText(row[name], loose)}`)
    return `{${entries.join(', ')}}`
  })
}

function valueText(value: unknown, loose: boolean): string {
  if (value === undefined) return 'undefined'
  if (value instanceof Date) return `Date ${Number.isNaN(value.getTime()) ? 'invalid' : value.toISOString()}`
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString('hex')}`
  if (typeof value === 'number') return `number ${value === 0 && !loose && Object.is(value, -0) ? '-0' : value}`
  if (Array.isArray(value)) return `[${value.map((entry) => valueText(entry, loose)).join(', ')}]`
  if (typeof value === 'object' && value !== null) return JSON.stringify(value)
  return JSON.stringify(loose && typeof value === 'string' ? canonicalNumber(value) : value)
}

function canonicalNumber(text: string): string {
  if (!/^-?\d+(\.\d+)?$/.test(text)) return text
  const trimmed = text.includes('.') ? text.replace(/\.?0+$/, '') : text
  return trimmed === '-0' ? '0' : trimmed
}

/** Whether two results are the same; without an order, as multisets. */
export function sameRows(left: readonly string[], right: readonly string[], ordered: boolean): boolean {
  if (left.length !== right.length) return false
  const [first, second] = ordered ? [left, right] : [[...left].sort(), [...right].sort()]
  return first.every((text, index) => text === second[index])
}

/** What one result has and the other has not, for reports. */
export function describeDifference(expected: readonly string[], actual: readonly string[]): string {
  const missing = subtract(expected, actual)
  const extra = subtract(actual, expected)
  const lines = [
    ...missing.map((text) => `  missing: ${text}`),
    ...extra.map((text) => `  extra:   ${text}`),
    ...(missing.length + extra.length === 0
      ? ['  the same rows in another order', ...expected.map((text) => `    ${text}`)]
      : []),
  ]
  const shown = lines.slice(0, 12).map((line) => (line.length > 600 ? `${line.slice(0, 600)}…` : line))
  return [`${expected.length} rows expected, ${actual.length} shown`, ...shown].join('\n')
}

function subtract(from: readonly string[], what: readonly string[]): string[] {
  const counts = new Map<string, number>()
  for (const text of what) counts.set(text, (counts.get(text) ?? 0) + 1)
  return from.filter((text) => {
    const count = counts.get(text) ?? 0
    counts.set(text, count - 1)
    return count <= 0
  })
}
