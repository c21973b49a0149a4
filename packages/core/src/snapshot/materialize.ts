import { isDeepStrictEqual } from 'node:util'
import type { RawResult, RawRow, SplicedResult } from '../refresh/contract.js'
import { pairRows } from './pair-rows.js'
import { columnTexts, rowText, shapeOf, versionOf } from './row-text.js'

/** Rows as subscribers see them, and the text that they were made from. */
export interface Materialized<Row> {
  readonly rows: readonly Row[]
  /** Each row's content as text, in the order of `rows`: equal texts mean equal rows. */
  readonly texts: readonly string[]
  /** The columns' names and types: a renamed or retyped column changes all rows. */
  readonly shape: string
  readonly version: string
}

export interface MaterializeOptions<Row> {
  /** `false`: the query has no ORDER BY, so another order of the same rows is no change. */
  readonly ordered: boolean
  /** What Kysely's plugins make of freshly parsed rows; must work row by row. Undefined: there are none. */
  readonly transform?: ((rows: readonly Record<string, unknown>[]) => Promise<readonly Row[]>) | undefined
}

/**
 * Turns a raw result into rows. Rows whose text is unchanged are the identical objects of `previous`, and are not
 * parsed again; in a row that changed, the columns that did not keep their values. Returns `previous` itself when nothing
 * changed, and a promise only where plugins make one necessary.
 */
export function materialize<Row>(
  previous: Materialized<Row> | undefined,
  result: RawResult | SplicedResult,
  { ordered, transform }: MaterializeOptions<Row>,
): Materialized<Row> | Promise<Materialized<Row>> {
  const texts = 'texts' in result ? result.texts : result.rows.map(rowText)
  const shape = shapeOf(result.fields)
  const known = previous?.shape === shape ? previous : undefined
  if (known && isSame(known.texts, texts)) return known
  const match = matchTexts(known?.texts ?? [], texts)
  if (known && !ordered && match.came.length === 0 && match.went.length === 0) return known
  const finish = (fresh: readonly Row[]): Materialized<Row> => {
    const rows = match.origins.map((from) => (from < 0 ? undefined : known!.rows[from])) as Row[]
    match.came.forEach((to, index) => (rows[to] = fresh[index]!))
    if (known) keepValues(known, rows, texts, match, result.fields.length)
    for (const to of match.came) Object.freeze(rows[to])
    return { rows: Object.freeze(rows), texts, shape, version: versionOf(shape, texts, ordered) }
  }
  const parsed = parseRows(result, match.came)
  return transform && parsed.length > 0 ? transform(parsed).then(finish) : finish(parsed as readonly Row[])
}

function isSame(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((text, index) => text === right[index])
}

interface Match {
  /** For each row after, where it was before; -1 for rows that are new or changed. */
  readonly origins: readonly number[]
  readonly came: readonly number[]
  readonly went: readonly number[]
}

function matchTexts(before: readonly string[], after: readonly string[]): Match {
  const places = new Map<string, number[]>()
  // Backwards, so that equal rows are handed out in their old order.
  for (let from = before.length - 1; from >= 0; from--) {
    if (before[from] === after[from]) continue
    const same = places.get(before[from]!)
    if (same) same.push(from)
    else places.set(before[from]!, [from])
  }
  const came: number[] = []
  const origins = after.map((text, to) => {
    const from = text === before[to] ? to : (places.get(text)?.pop() ?? -1)
    if (from < 0) came.push(to)
    return from
  })
  return { origins, came, went: [...places.values()].flat() }
}

function parseRows(result: RawResult | SplicedResult, indexes: readonly number[]): Record<string, unknown>[] {
  if (indexes.length === 0) return []
  const { fields, parser } = result
  const rowAt = (index: number): RawRow =>
    'texts' in result ? columnTexts(result.texts[index]!, fields.length) : result.rows[index]!
  const columns = fields.map((field) => ({ name: field.name, parse: parser(field.typeOid) }))
  return indexes.map((index) => {
    const raw = rowAt(index)
    const row: Record<string, unknown> = {}
    columns.forEach(({ name, parse }, position) => {
      const text = raw[position]!
      row[name] = text === null ? null : parse(text)
    })
    return row
  })
}

/**
 * In rows that changed, objects (dates, JSON, arrays) of columns that did not stay the identical ones. A plugin could make
 * one column of several, so it is not the text alone that decides.
 */
function keepValues<Row>(
  known: Materialized<Row>,
  rows: Row[],
  texts: readonly string[],
  { came, went }: Match,
  columns: number,
): void {
  // Looking for pairs costs more than all else here, and most results have nothing to keep.
  if (!came.some((to) => hasObject(rows[to] as Record<string, unknown>))) return
  for (const [from, to] of pairRows(known.rows, rows, went, came)) {
    const before = known.rows[from] as Record<string, unknown>
    const after = rows[to] as Record<string, unknown>
    const names = Object.keys(after)
    if (!hasObject(after)) continue
    // Columns of the same name share a value, and integer-like names come first: neither has a place of its own.
    if (names.length !== columns || names.some((name) => /^\d/.test(name)) || Object.isFrozen(after)) continue
    const [old, now] = [columnTexts(known.texts[from]!, columns), columnTexts(texts[to]!, columns)]
    names.forEach((name, position) => {
      if (old[position] === now[position] && isDeepStrictEqual(before[name], after[name])) after[name] = before[name]
    })
  }
}

function hasObject(row: Record<string, unknown>): boolean {
  for (const name in row) if (typeof row[name] === 'object' && row[name] !== null) return true
  return false
}
