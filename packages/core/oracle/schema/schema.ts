import type { TypeName } from './sql-types.js'

/** A generated schema: the statements that make it, and what the generators must know about it. */
export interface Schema {
  /** Run in order, in one new database; rows of the beginning included. */
  readonly ddl: readonly string[]
  readonly relations: readonly Relation[]
  readonly functions: readonly SchemaFunction[]
  /** Whether a reader's role with row security exists, so that queries may have scopes. */
  readonly secured: boolean
}

export interface Relation {
  readonly schema: string
  readonly name: string
  readonly kind: 'table' | 'partitioned' | 'partition' | 'parent' | 'child' | 'view'
  readonly columns: readonly Column[]
  /** Columns that identify a row among all that this name shows; empty if none do. */
  readonly key: readonly string[]
  readonly write: Write
  /** The conflict target of an upsert, where there is one. */
  readonly conflict: readonly string[]
  readonly truncate: boolean
}

/** What statements may do through this name without breaking a constraint. */
export type Write = 'all' | 'no insert' | 'none'

export interface Column {
  readonly name: string
  readonly type: TypeName
  readonly notNull: boolean
  readonly generated: boolean
  /** The values that writes may use, where narrower than the type's. */
  readonly domain?: readonly string[]
  /** The single-column key that this column references. */
  readonly references?: { readonly schema: string; readonly name: string; readonly column: string }
}

/** A function `name(int4) returns int8` that reads tables. */
export interface SchemaFunction {
  readonly name: string
  /** As `dependsOn` takes it; set where PostgreSQL does not know what the function reads. */
  readonly dependsOn: string | undefined
}

export const READER_ROLE = 'oracle_reader'
export const WRITER_ROLE = 'oracle_writer'

export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

export function literal(value: string | null): string {
  if (value === null) return 'NULL'
  return `'${value.replaceAll("'", "''")}'`
}

export function qualified(relation: { readonly schema: string; readonly name: string }): string {
  return `${identifier(relation.schema)}.${identifier(relation.name)}`
}
