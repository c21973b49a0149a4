import { createHash } from 'node:crypto'
import type { RawField, RawResult, RawRow } from '../refresh/contract.js'

/** Rows as subscribers see them, and the text that they were made from. */
export interface Materialized<Row> {
  readonly rows: readonly Row[]
  /** Each row's content as text, in the order of `rows`: equal keys mean equal rows. */
  readonly keys: readonly string[]
  readonly version: string
}

export interface MaterializeOptions<Row> {
  /** `false`: the query has no ORDER BY, so another order of the same rows is no change. */
  readonly ordered: boolean
  /** What Kysely's plugins make of freshly parsed rows; must work row by row. */
  readonly transform: (rows: readonly Record<string, unknown>[]) => Promise<readonly Row[]>
}

/**
 * Turns a raw result into rows. Rows whose text is unchanged are the identical objects of `previous`, and are not
 * parsed again. Returns `previous` itself when nothing changed.
 */
export async function materialize<Row>(
  previous: Materialized<Row> | undefined,
  result: RawResult,
  options: MaterializeOptions<Row>,
): Promise<Materialized<Row>> {
  const keys = rowKeys(result)
  const version = versionOf(keys, options.ordered)
  if (previous?.version === version) return previous
  const known = previous ? byKey(previous) : new Map<string, Row[]>()
  const rows: (Row | undefined)[] = keys.map((key) => known.get(key)?.pop())
  const missing = keys.flatMap((_, index) => (rows[index] === undefined ? [index] : []))
  const fresh = await options.transform(parseRows(result, missing))
  missing.forEach((index, position) => (rows[index] = Object.freeze(fresh[position]!)))
  return { rows: Object.freeze(rows as Row[]), keys, version }
}

function byKey<Row>(state: Materialized<Row>): Map<string, Row[]> {
  const known = new Map<string, Row[]>()
  // Backwards, so that equal rows are handed out in their old order.
  for (let index = state.keys.length - 1; index >= 0; index--) {
    const key = state.keys[index]!
    const rows = known.get(key)
    if (rows) rows.push(state.rows[index]!)
    else known.set(key, [state.rows[index]!])
  }
  return known
}

/** The shape is part of every key: a renamed or retyped column changes all rows. */
function rowKeys(result: RawResult): string[] {
  const shape = JSON.stringify(result.fields.map((field) => [field.name, field.typeOid]))
  const prefix = createHash('sha256').update(shape).digest('base64url').slice(0, 8)
  return result.rows.map((row) => prefix + rowKey(row))
}

/** Lengths keep neighbours apart: ('a','bc') and ('ab','c') differ, and so do NULL and ''. */
function rowKey(row: RawRow): string {
  let key = ''
  for (const value of row) key += value === null ? '~' : `${value.length}:${value}`
  return key
}

/** 132 bits of the content's hash: equal versions mean equal rows. */
function versionOf(keys: readonly string[], ordered: boolean): string {
  const hash = createHash('sha256')
  for (const key of ordered ? keys : [...keys].sort()) hash.update(`${key.length};`).update(key)
  return hash.digest('base64url').slice(0, 22)
}

function parseRows(result: RawResult, indexes: readonly number[]): Record<string, unknown>[] {
  const columns = result.fields.map((field: RawField) => ({ name: field.name, parse: result.parser(field.typeOid) }))
  return indexes.map((index) => {
    const raw = result.rows[index]!
    const row: Record<string, unknown> = {}
    columns.forEach(({ name, parse }, position) => {
      const text = raw[position]!
      row[name] = text === null ? null : parse(text)
    })
    return row
  })
}
