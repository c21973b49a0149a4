/**
 * The vocabulary every stage shares: what a committed change is, and which snapshot something is true at.
 *
 * A **change** is one committed row change (old row, new row) or a change of a whole table whose rows are not listed
 * (truncate, bulk). A **batch** is every change that became visible between two snapshots.
 */

/** A relation's object identifier (`pg_class.oid`). */
export type RelationId = number

/** Column values of one row in PostgreSQL's text output, by column name; `null` is SQL NULL. */
export type TextRow = Readonly<Record<string, string | null>>

export type Operation = 'insert' | 'update' | 'delete'

/** One committed row change, as captured. */
export interface RowChange {
  readonly kind: 'row'
  /** The relation that the statement named: a partition written directly is reported as itself here. */
  readonly relation: RelationId
  readonly operation: Operation
  /** The row before the change; absent for inserts. */
  readonly oldRow: TextRow | undefined
  /** The row after the change; absent for deletes. */
  readonly newRow: TextRow | undefined
  /** Columns whose value stands as a digest, or is absent, because it was large or excluded. */
  readonly hashed: ReadonlySet<string>
}

/** A change of a table that does not list its rows. */
export interface TableChange {
  readonly kind: 'truncate' | 'bulk'
  readonly relation: RelationId
}

export type Change = RowChange | TableChange

/**
 * Where a state of the database stands in time: `<system>.<timeline>.<pg_snapshot>`, for instance
 * `7439201.1.1042:1045:1043`. Tokens of different systems or timelines do not compare.
 */
export type SnapshotToken = string

/** Every change that became visible between the previous batch and `snapshot`. */
export interface Batch {
  readonly changes: readonly Change[]
  /** The `pg_snapshot` text up to which `changes` are complete. */
  readonly snapshot: string
  /** Set when changes may be missing: everything must be refreshed. Says why, in words. */
  readonly gap: string | undefined
}

export function rowChange(
  relation: RelationId,
  operation: Operation,
  oldRow: TextRow | undefined,
  newRow: TextRow | undefined,
  hashed: ReadonlySet<string> = NO_COLUMNS,
): RowChange {
  return { kind: 'row', relation, operation, oldRow, newRow, hashed }
}

export function tableChange(kind: TableChange['kind'], relation: RelationId): TableChange {
  return { kind, relation }
}

const NO_COLUMNS: ReadonlySet<string> = new Set()
