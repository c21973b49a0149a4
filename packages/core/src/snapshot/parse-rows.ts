import type { RawField, RawResult, RawRow } from '../refresh/contract.js'
import { startAt, type ResultText } from './content.js'
import { sameEnd, type Match } from './match-texts.js'
import { columnAt, endOfColumn } from './row-text.js'

type Columns = Record<string, unknown>

/** The result before: its rows as they were parsed, nothing else. */
export interface Parsed extends ResultText {
  readonly rows: readonly Readonly<Columns>[]
  readonly isPlain: boolean
}

/** Rows, and whether none of their values is an object: then equal texts make values that nobody can tell apart. */
export interface ParsedRows {
  readonly rows: Columns[]
  readonly isPlain: boolean
}

interface Column {
  readonly name: string
  readonly parse: (text: string) => unknown
}

const NO_ROWS: ParsedRows = { rows: [], isPlain: true }

/**
 * Parses the rows that came. A row that has changed has many values of the row that stood at its place, which are taken
 * from there: equal texts make equal values, and no two of them need be kept.
 */
export function parseRows(
  result: RawResult,
  after: ResultText,
  { came, starts }: Match,
  before: Parsed | undefined,
): ParsedRows {
  if (came.length === 0) return NO_ROWS
  const columns = columnsOf(result)
  const raw = result.content.kind === 'rows' ? result.content.rows : undefined
  const blank: Columns = {}
  for (const { name } of columns) blank[name] = null
  // Of columns with one name, a row shows the last one's value.
  const known = Object.keys(blank).length === columns.length ? before : undefined
  const parser = new RowParser(columns, after.text)
  const rows: Columns[] = []
  for (const index of came) {
    const start = startAt(after, index)
    const old = known?.rows[index]
    // A copy has all its columns at once, which is several times faster than adding them.
    const row = { ...(old ?? blank) }
    if (old) parser.change(row, start, after.ends[index]!, known, index, starts[index]!)
    else if (raw) parser.fill(row, raw[index]!)
    else parser.read(row, start)
    rows.push(row)
  }
  return { rows, isPlain: parser.isPlain }
}

const columnsOfFields = new WeakMap<readonly RawField[], { readonly parser: unknown; readonly columns: Column[] }>()

/** Results that share their list of fields share these as well. */
function columnsOf({ fields, parser }: RawResult): readonly Column[] {
  const known = columnsOfFields.get(fields)
  if (known?.parser === parser) return known.columns
  const columns = fields.map((field): Column => ({ name: field.name, parse: parser(field.typeOid) }))
  columnsOfFields.set(fields, { parser, columns })
  return columns
}

class RowParser {
  readonly #columns: readonly Column[]
  readonly #text: string
  isPlain = true

  constructor(columns: readonly Column[], text: string) {
    this.#columns = columns
    this.#text = text
  }

  fill(row: Columns, texts: RawRow): void {
    for (let position = 0; position < this.#columns.length; position++) {
      this.#set(row, this.#columns[position]!, texts[position] ?? null)
    }
  }

  read(row: Columns, start: number): void {
    let at = start + 1
    for (const column of this.#columns) {
      const end = endOfColumn(this.#text, at)
      this.#set(row, column, columnAt(this.#text, at, end))
      at = end + 1
    }
  }

  /**
   * `row` has the values of the row at its place before, which begins with the same characters. What the two texts begin
   * and end with in common are whole columns, up to the last and from the first comma in it: quotes come in pairs, so that
   * a comma divides columns in both texts or in none.
   */
  change(row: Columns, start: number, end: number, before: Parsed, index: number, same: number): void {
    const text = this.#text
    const [oldStart, oldEnd] = [startAt(before, index), before.ends[index]!]
    const most = Math.min(end - start, oldEnd - oldStart) - same
    const changedFrom = start + same
    const changedTo = end - sameEnd(before.text, oldEnd, text, end, most)
    let at = start + 1
    for (const column of this.#columns) {
      if (at > changedTo && before.isPlain) return
      const columnEnd = endOfColumn(text, at)
      const isKept = columnEnd < changedFrom || at > changedTo
      // An object would be the old row's as well, which is for `keepValues` to say.
      if (!isKept || (!before.isPlain && isObject(row[column.name]))) {
        this.#set(row, column, columnAt(text, at, columnEnd))
      }
      at = columnEnd + 1
    }
  }

  #set(row: Columns, { name, parse }: Column, text: string | null): void {
    const value = text === null ? null : parse(text)
    if (isObject(value)) this.isPlain = false
    row[name] = value
  }
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null
}
