import { isDeepStrictEqual } from 'node:util'
import type { RawResult } from '../refresh/contract.js'
import { endsOf, shapeOf, textAt, textOf, versionOf, type ResultText } from './content.js'
import { matchTexts, type Match } from './match-texts.js'
import { pairRows } from './pair-rows.js'
import { parseRows, type Parsed } from './parse-rows.js'
import { columnTexts } from './row-text.js'

/** Rows as subscribers see them, and the text that they were made from: equal texts mean equal rows. */
export interface Materialized<Row> extends ResultText {
  readonly rows: readonly Row[]
  /** The columns' names and types: a renamed or retyped column changes all rows. */
  readonly shape: string
  readonly version: string
  /** None of the values is an object, as far as that is known. */
  readonly isPlain: boolean
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
  result: RawResult,
  { ordered, transform }: MaterializeOptions<Row>,
): Materialized<Row> | Promise<Materialized<Row>> {
  const shape = shapeOf(result.fields)
  const known = previous?.shape === shape ? previous : undefined
  const content = textOf(result)
  if (known?.text === content.text) return known
  const after: ResultText = { text: content.text, ends: endsOf(content) }
  const match = matchTexts(known ?? NOTHING, after)
  if (known && !ordered && match.came.length === 0 && match.went.length === 0) return known
  // Plugins may have made something else of the rows before, and of these.
  const parsed = parseRows(result, after, match, transform ? undefined : (known as Parsed | undefined))
  const isPlain = transform === undefined && parsed.isPlain && known?.isPlain !== false
  const change: Change<Row> = { known, after, shape, match, ordered, isPlain, columns: result.fields.length }
  if (!transform || parsed.rows.length === 0) return finish(change, parsed.rows as readonly Row[])
  return transform(parsed.rows).then((fresh) => finish(change, fresh))
}

const NOTHING: ResultText = { text: '', ends: [] }

interface Change<Row> {
  readonly known: Materialized<Row> | undefined
  readonly after: ResultText
  readonly shape: string
  readonly match: Match
  readonly ordered: boolean
  readonly isPlain: boolean
  readonly columns: number
}

function finish<Row>(change: Change<Row>, fresh: readonly Row[]): Materialized<Row> {
  const { known, after, shape, match, ordered, isPlain } = change
  const rows = fresh.length === match.origins.length ? [...fresh] : merged(fresh, match, known!.rows)
  if (known && !isPlain) keepValues(known, rows, change)
  for (const to of match.came) Object.freeze(rows[to])
  const { text, ends } = after
  return { rows: Object.freeze(rows), text, ends, shape, version: versionOf(shape, after, ordered), isPlain }
}

function merged<Row>(fresh: readonly Row[], { origins }: Match, known: readonly Row[]): Row[] {
  const rows: Row[] = []
  let next = 0
  for (const from of origins) rows.push(from < 0 ? fresh[next++]! : known[from]!)
  return rows
}

/**
 * In rows that changed, objects (dates, JSON, arrays) of columns that did not stay the identical ones. A plugin could make
 * one column of several, so it is not the text alone that decides.
 */
function keepValues<Row>(known: Materialized<Row>, rows: Row[], { after: texts, match, columns }: Change<Row>): void {
  const { came, went } = match
  // Looking for pairs costs more than all else here, and most results have nothing to keep.
  if (!hasObjects(rows, came)) return
  for (const [from, to] of pairRows(known.rows, rows, went, came)) {
    const before = known.rows[from] as Record<string, unknown>
    const after = rows[to] as Record<string, unknown>
    const names = Object.keys(after)
    if (!hasObject(after)) continue
    // Columns of the same name share a value, and integer-like names come first: neither has a place of its own.
    if (names.length !== columns || names.some((name) => /^\d/.test(name)) || Object.isFrozen(after)) continue
    const [old, now] = [columnTexts(textAt(known, from), columns), columnTexts(textAt(texts, to), columns)]
    names.forEach((name, position) => {
      if (old[position] === now[position] && isDeepStrictEqual(before[name], after[name])) after[name] = before[name]
    })
  }
}

function hasObjects(rows: readonly unknown[], indexes: readonly number[]): boolean {
  for (const index of indexes) if (hasObject(rows[index] as Record<string, unknown>)) return true
  return false
}

function hasObject(row: Record<string, unknown>): boolean {
  for (const name in row) if (typeof row[name] === 'object' && row[name] !== null) return true
  return false
}
