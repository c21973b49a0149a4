import { hash } from 'node:crypto'
import type { RawField, RawRow } from '../refresh/contract.js'

/**
 * A row's content as one text: equal texts mean equal rows of one shape. PostgreSQL's text never holds a NUL character, so
 * NULs divide the columns; behind one more of them stand the positions that are NULL, which `join` would take for ''.
 */
export function rowText(row: RawRow): string {
  const text = row.join('\0')
  return row.includes(null) ? `${text}\0${nullsOf(row)}` : text
}

/** The texts of the columns, as `rowText` was given them. */
export function columnTexts(text: string, columns: number): RawRow {
  const parts: (string | null)[] = text.split('\0')
  const nulls = parts[columns]
  if (nulls === undefined) return parts
  for (const position of nulls!.split(',')) parts[Number(position)] = null
  return parts.slice(0, columns)
}

function nullsOf(row: RawRow): string {
  const nulls: number[] = []
  row.forEach((value, position) => value === null && nulls.push(position))
  return nulls.join()
}

const shapes = new WeakMap<readonly RawField[], string>()

/** Names and types of a result's columns. Results that share their list of fields share this text as well. */
export function shapeOf(fields: readonly RawField[]): string {
  let shape = shapes.get(fields)
  if (shape === undefined) {
    shape = JSON.stringify(fields.map((field) => [field.name, field.typeOid]))
    shapes.set(fields, shape)
  }
  return shape
}

/** The names in a shape, in the order of the columns. */
export function columnNames(shape: string): readonly string[] {
  return (JSON.parse(shape) as readonly (readonly [string, number])[]).map(([name]) => name)
}

/** 48 bits: two contents of one query that a client could confuse meet once in 10^14. Short enough for every patch. */
const VERSION_LENGTH = 8

/** A hash of the rows; of what rows there are, where their order means nothing. The lengths keep neighbours apart. */
export function versionOf(shape: string, rows: readonly string[], ordered: boolean): string {
  const texts = ordered ? rows : [...rows].sort()
  const lengths = texts.map((text) => text.length).join()
  return hash('sha256', `${shape}\0${lengths}\0${texts.join('')}`, 'base64url').slice(0, VERSION_LENGTH)
}
