import type { RawResult, RawRow } from '../refresh/contract.js'
import { startAt, type ResultText } from './content.js'
import { sameEnd, sameStart } from './match-texts.js'
import { columnAt, endOfColumn } from './row-text.js'

type Columns = Record<string, unknown>

/** The result before: its rows as they were parsed, nothing else. */
export interface Parsed extends ResultText {
  readonly rows: readonly Readonly<Columns>[]
}

interface Column {
  readonly name: string
  readonly parse: (text: string) => unknown
}

/**
 * Parses some rows. A row that has changed has many values of the row that stood at its place, which are taken from there:
 * equal texts make equal values, and no two of them need be kept.
 */
export function parseRows(
  { fields, parser, content }: RawResult,
  after: ResultText,
  indexes: readonly number[],
  before: Parsed | undefined,
): Columns[] {
  if (indexes.length === 0) return []
  const columns = fields.map((field): Column => ({ name: field.name, parse: parser(field.typeOid) }))
  const blank: Columns = {}
  for (const { name } of columns) blank[name] = null
  const raw = content.kind === 'rows' ? content.rows : undefined
  const rows: Columns[] = []
  for (const index of indexes) {
    // A copy has all its columns at once, which is several times faster than adding them.
    const row = { ...blank }
    if (before && index < before.ends.length) fillFrom(row, columns, after, index, before)
    else if (raw) fill(row, columns, raw[index]!)
    else fillFromText(row, columns, after.text, startAt(after, index) + 1)
    rows.push(row)
  }
  return rows
}

function fill(row: Columns, columns: readonly Column[], texts: RawRow): void {
  for (let position = 0; position < columns.length; position++) {
    const text = texts[position]
    if (typeof text === 'string') row[columns[position]!.name] = columns[position]!.parse(text)
    else row[columns[position]!.name] = null
  }
}

function fillFromText(row: Columns, columns: readonly Column[], text: string, start: number): void {
  let at = start
  for (const { name, parse } of columns) {
    const end = endOfColumn(text, at)
    const value = columnAt(text, at, end)
    row[name] = value === null ? null : parse(value)
    at = end + 1
  }
}

/**
 * What the two texts begin and end with in common are whole columns, up to the last and from the first comma in it: quotes
 * come in pairs, so that a comma divides columns in both texts or in none.
 */
function fillFrom(row: Columns, columns: readonly Column[], after: ResultText, index: number, before: Parsed): void {
  const { text } = after
  const [start, end] = [startAt(after, index), after.ends[index]!]
  const [oldStart, oldEnd] = [startAt(before, index), before.ends[index]!]
  const most = Math.min(end - start, oldEnd - oldStart)
  const same = sameStart(before.text, oldStart, text, start, most)
  const changedFrom = start + same
  const changedTo = end - sameEnd(before.text, oldEnd, text, end, most - same)
  const old = before.rows[index]!
  let at = start + 1
  for (const { name, parse } of columns) {
    const columnEnd = endOfColumn(text, at)
    const isKept = columnEnd < changedFrom || at > changedTo
    const value = isKept ? old[name] : undefined
    // An object would be the old row's as well, which is for `keepValues` to say.
    if (isKept && typeof value !== 'object') row[name] = value
    else {
      const own = columnAt(text, at, columnEnd)
      row[name] = own === null ? null : parse(own)
    }
    at = columnEnd + 1
  }
}
