/**
 * A row's content as one text, in the syntax of PostgreSQL's composite values: equal texts mean equal rows of one shape.
 *
 *   (1,paid,,"two words","it ""is""")     NULL is nothing, '' is ""
 *
 * Because each text shows where it ends, rows can stand one after the other without anything between them. The server
 * writes whole results that way, so that rows that nobody looks into are never taken apart.
 */
import type { RawRow } from '../refresh/contract.js'

const QUOTE = 34
const CLOSE = 41
const COMMA = 44

const NEEDS_QUOTES = /["\\(),\t-\r ]/
const SPECIAL = /["\\]/g
const DOUBLED = /(["\\])\1/g
/** What is quoted for no reason but the server's locale, which may take more for white space; and some that is not. */
const LOCAL_QUOTES = /"[^"\\(),\t-\r ]+"/
/** V8 copies shorter parts of a text by itself. */
const FEWEST_SHARED = 13

export function rowText(row: RawRow): string {
  let text = '('
  for (let column = 0; column < row.length; column++) {
    if (column > 0) text += ','
    const value = row[column]
    if (typeof value !== 'string') continue
    if (value === '') text += '""'
    else text += NEEDS_QUOTES.test(value) ? `"${value.replace(SPECIAL, '$&$&')}"` : value
  }
  return `${text})`
}

/** The texts of so many columns, as `rowText` was given them. */
export function columnTexts(text: string, columns: number, start = 0): (string | null)[] {
  const values: (string | null)[] = []
  let at = start + 1
  while (values.length < columns) {
    const end = endOfColumn(text, at)
    values.push(columnAt(text, at, end))
    at = end + 1
  }
  return values
}

/** Behind the column that begins at `at`. */
export function endOfColumn(text: string, at: number): number {
  let end = at
  if (text.charCodeAt(at) === QUOTE) {
    end = text.indexOf('"', at + 1) + 1
    while (text.charCodeAt(end) === QUOTE) end = text.indexOf('"', end + 1) + 1
    return end
  }
  for (let code = text.charCodeAt(end); code !== COMMA && code !== CLOSE; code = text.charCodeAt(end)) end += 1
  return end
}

/** A column's value, which keeps nothing else of `text` alive: it may be kept for much longer. */
export function columnAt(text: string, at: number, end: number): string | null {
  if (at === end) return null
  if (text.charCodeAt(at) !== QUOTE) return copyOf(text, at, end)
  const value = copyOf(text, at + 1, end - 1)
  return value.includes('"') || value.includes('\\') ? value.replace(DOUBLED, '$1') : value
}

/** A slice of a long text holds all of it. One that is put together from two does not, once it is looked into. */
function copyOf(text: string, from: number, to: number): string {
  if (to - from < FEWEST_SHARED) return text.slice(from, to)
  const copy = text.slice(from, to - 1) + text.slice(to - 1, to)
  copy.charCodeAt(0)
  return copy
}

/** Where each of the rows ends that follow one another in a text. */
export function rowEnds(text: string): number[] {
  const ends: number[] = []
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    // Quotes that are doubled are skipped as two columns.
    if (code === QUOTE) at = text.indexOf('"', at + 1)
    else if (code === CLOSE) ends.push(at + 1)
  }
  return ends
}

/** Rows of so many columns that a server has written, as `rowText` would have written them. */
export function ownQuotes(text: string, columns: number): string {
  // No locale knows more white space in ASCII.
  if (Buffer.byteLength(text) === text.length || !LOCAL_QUOTES.test(text)) return text
  let start = 0
  const rows = rowEnds(text).map((end) => {
    const row = rowText(columnTexts(text, columns, start))
    start = end
    return row
  })
  return rows.join('')
}
