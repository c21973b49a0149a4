/**
 * Puts rows that were read again among those that were not. What must hold: the outcome is what reading everything could
 * have returned, in the same order wherever ORDER BY leaves no choice. Where that is not certain, there is no outcome.
 */
import type { RereadOrder } from '../analyze/plan.js'
import type { RawField, RawRow, Touched } from '../refresh/contract.js'
import { keyOf } from '../refresh/reread.js'
import { compareKeys } from '../route/behind.js'
import { shapeOf } from './content.js'
import { columnAt, columnTexts, endOfColumn, rowText } from './row-text.js'

/** Rows as texts, and the names and types of their columns. */
interface Present {
  readonly texts: readonly string[]
  readonly shape: string
}

/** The texts of all rows, with `rows` in the place of the touched ones. */
export function splice(
  { texts, shape }: Present,
  { key, keys }: Touched,
  order: readonly RereadOrder[],
  fields: readonly RawField[],
  rows: readonly RawRow[],
): readonly string[] | undefined {
  if (shapeOf(fields) !== shape) return undefined
  if (![...key, ...order].every(({ output, name }) => fields[output]?.name === name)) return undefined
  const outputs = key.map(({ output }) => output)
  const fresh = new Map<string, string[]>()
  for (const row of rows) {
    const values = outputs.map((output) => row[output] ?? '')
    if (!keys.has(keyOf(values))) return undefined
    const place = placeOf(row, outputs, order)
    const same = fresh.get(place)
    // Rows that ORDER BY does not tell apart come in any order.
    if (same && order.length > 0) return undefined
    if (same) same.push(rowText(row))
    else fresh.set(place, [rowText(row)])
  }
  const kept: string[] = []
  for (const text of texts) {
    if (!keys.has(keyOfText(text, outputs))) kept.push(text)
    else {
      const now = fresh.get(placeOf(columnTexts(text, fields.length), outputs, order))?.shift()
      if (now !== undefined) kept.push(now)
    }
  }
  const come = [...fresh.values()].flat()
  return order.length === 0 ? kept.concat(come) : insertAll(kept, come, order, fields.length)
}

/** Rows of one place follow one another, or take each other's place: of one key, with the same values of ORDER BY. */
function placeOf(row: RawRow, outputs: readonly number[], order: readonly RereadOrder[]): string {
  return rowText([...outputs, ...order.map(({ output }) => output)].map((output) => row[output] ?? null))
}

function keyOfText(text: string, outputs: readonly number[]): string {
  return keyOf(outputs.map((output) => columnOf(text, output)))
}

/** Keys are never NULL. */
function columnOf(text: string, position: number): string {
  let start = 1
  for (let column = 0; column < position; column++) start = endOfColumn(text, start) + 1
  return columnAt(text, start, endOfColumn(text, start)) ?? ''
}

/** `kept` is in order; undefined where the place of a row is not certain. */
function insertAll(
  kept: string[],
  come: readonly string[],
  order: readonly RereadOrder[],
  columns: number,
): readonly string[] | undefined {
  for (const text of come) {
    const row = columnTexts(text, columns)
    let [from, to] = [0, kept.length]
    while (from < to) {
      const middle = (from + to) >>> 1
      const side = compareRows(row, columnTexts(kept[middle]!, columns), order)
      if (side === undefined || side === 0) return undefined
      if (side < 0) to = middle
      else from = middle + 1
    }
    kept.splice(from, 0, text)
  }
  return kept
}

function compareRows(left: RawRow, right: RawRow, order: readonly RereadOrder[]): number | undefined {
  for (const { output, kind, ...direction } of order) {
    const side = compareKeys(kind, left[output], right[output], direction)
    if (side !== 0) return side
  }
  return 0
}
