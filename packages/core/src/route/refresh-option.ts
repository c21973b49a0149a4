import type { Kysely, Selectable } from 'kysely'
import type { Operation } from '../change.js'

/** One committed change as a `refresh` function sees it: values decoded as the query itself would return them. */
export interface ChangeEvent<DB> {
  readonly operation: Operation
  readonly table: keyof DB & string
  /** The row after the change; for a delete, the row that was deleted. */
  readonly row: Readonly<Record<string, unknown>>
  /** Changed columns as `[old, new]`; for an insert every column as `[null, value]`, for a delete `[value, null]`. */
  readonly changes: Readonly<Record<string, readonly [unknown, unknown]>>
  /** Columns whose value is a digest, or absent, because it was large or excluded. */
  readonly hashed: ReadonlySet<string>
}

export interface RefreshContext<DB, Row> {
  readonly change: ChangeEvent<DB>
  /** The query's present result. */
  readonly rows: readonly Row[]
  /** For look-ups; runs outside of the query's scope, as the engine's own role. */
  readonly db: Kysely<DB>
}

/** `default` falls back to routing's own answer: refresh. */
export type RefreshDecision = boolean | 'default' | undefined | null
export type RefreshFunction<DB, Row> = (context: RefreshContext<DB, Row>) => RefreshDecision | Promise<RefreshDecision>

/** Matches when the value occurs in the current result's column; make one with `result('column')`. */
export interface ResultReference<Column extends string = string> {
  readonly kind: 'result'
  readonly column: Column
}

/** Matches a changed row whose column holds a value that the current result has in `column`. */
export function result<const Column extends string>(column: Column): ResultReference<Column> {
  return { kind: 'result', column }
}

/**
 * What a changed column must meet: a literal (`null` matches null) equal to the old or the new value, a predicate on
 * the old or new value (either true refreshes), or `result('column')`.
 */
export type ColumnFilter<Value, Row> =
  | Value
  | null
  | ((value: Value | null) => boolean)
  | ResultReference<keyof Row & string>

/** The columns of one table; several mean OR. */
export type TableFilter<Table, Row> = { readonly [C in keyof Table]?: ColumnFilter<Table[C], Row> }

/** A table that is left out is refreshed as routing says. */
export type RefreshMap<DB, Row> = {
  readonly [T in keyof DB]?: TableFilter<Selectable<DB[T]>, Row> | RefreshFunction<DB, Row> | 'default'
}

export type RefreshOption<DB, Row> = RefreshMap<DB, Row> | RefreshFunction<DB, Row>
