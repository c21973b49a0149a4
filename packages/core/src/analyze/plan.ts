import type { RelationId } from '../change.js'

/**
 * What a query depends on, as the analysis found it. A plan belongs to one shape (SQL text under one search path),
 * never to its parameters. Every list errs on the large side: a plan that names too much costs a needless refresh,
 * one that names too little shows stale rows.
 */
export interface Plan {
  readonly sql: string
  /** PostgreSQL's types of `$1`, `$2`, …, to be used in a cast: with their schema, and of any length. */
  readonly parameterTypes: readonly string[]
  readonly tables: readonly PlanTable[]
  /** Clock and volatile functions that the result depends on; not empty means that time alone changes the result. */
  readonly timeDependent: readonly string[]
  /** Relations in the query that fire no triggers (materialized views, foreign tables, system catalogs). */
  readonly unwatchable: readonly string[]
  /** Functions whose body PostgreSQL keeps as a string: what they read is unknown. */
  readonly opaqueFunctions: readonly string[]
  /** What the Kysely tree adds: one entry per place where a table stands in the query. Empty for raw SQL. */
  readonly occurrences: readonly Occurrence[]
  /** Where the tree and the catalog disagreed, in words; the larger set was taken. */
  readonly disagreements: readonly string[]
  /** Whether the query has an ORDER BY at its top; `undefined` for raw SQL, where it is not known. */
  readonly ordered: boolean | undefined
  /** Set where a change of a table's rows changes the rows of the result that come from them, and no others. */
  readonly reread: Reread | undefined
  /** Changes when a column, view, policy, partition, function or role that the plan assumed changes. */
  readonly fingerprint: string
  /** The catalog objects that `fingerprint` covers. */
  readonly assumed: AssumedObjects
}

/** Catalog objects by their identifiers: `pg_class`, `pg_proc` and `pg_authid`. */
export interface AssumedObjects {
  readonly relations: readonly RelationId[]
  readonly functions: readonly number[]
  /** As which the query runs: what they may see depends on the roles that they are members of. */
  readonly roles: readonly number[]
}

/** A base table that can change the result. Partitions and inheritance children are listed under their parent. */
export interface PlanTable {
  readonly relation: RelationId
  readonly schema: string
  readonly name: string
  /** `name`, or `schema.name` outside `public`: how users write it. */
  readonly label: string
  /** Columns whose UPDATE can change the result; 'all' where the query takes whole rows or system columns. */
  readonly columns: ReadonlySet<string> | 'all'
  /**
   * Every relation whose triggers report changes of this table's rows: itself, its partitions and children at any
   * depth, and the ancestors through which its own rows can be written.
   */
  readonly family: readonly RelationId[]
  /** The part of `family` above this table: an UPDATE there can move rows into or out of it, whatever its columns. */
  readonly ancestors: readonly RelationId[]
  /** Each column's type OID as a result would carry it (a domain's base type), to decode captured values with. */
  readonly columnTypes: Readonly<Record<string, number>>
  /** How routing compares and sends each column's values. */
  readonly comparable: Readonly<Record<string, ComparableColumn>>
}

export interface ComparableColumn {
  /** The type as a cast can name it, with its schema and of any length. */
  readonly type: string
  /** How equal values are recognised by their text; null where text does not tell. */
  readonly valueKind: ValueKind | null
  /** Whether PostgreSQL's own operators compare it, whatever the search path is. */
  readonly builtIn: boolean
}

export type ValueKind = 'number' | 'text' | 'uuid' | 'boolean' | 'enum' | 'date' | 'timestamp' | 'timestamptz'

/** One place where a table stands in the query (a self join has two), with what a row must meet there to matter. */
export interface Occurrence {
  readonly alias: string
  /** The table's label. */
  readonly table: string
  readonly relation: RelationId
  readonly columns: readonly string[]
  /** Necessary conditions: a row that fails one of them cannot change the result through this occurrence. */
  readonly conditions: readonly Condition[]
  /**
   * Other tables with whose rows a row must also meet `links` to matter. Empty where the row's own values say all that
   * is known.
   */
  readonly partners: readonly Partner[]
  readonly links: readonly Link[]
  /** Set where the query shows the first rows by an order of this occurrence's own columns. */
  readonly top: TopRows | undefined
  /** Why no condition could be claimed, where none was. */
  readonly reason: string | undefined
}

/** `order by … limit n`. */
export interface TopRows {
  readonly limit: Operand
  readonly keys: readonly OrderKey[]
}

export interface OrderKey {
  readonly column: string
  /** Where the query returns it: 0 for its first column. */
  readonly output: number
  /** What the query calls it. */
  readonly name: string
  readonly descending: boolean
  readonly nullsFirst: boolean
}

/** A table that an occurrence is joined with, and what its rows must meet. */
export interface Partner {
  readonly alias: string
  readonly relation: RelationId
  readonly conditions: readonly Condition[]
}

/** A comparison of two columns. */
export interface Link {
  readonly left: LinkedColumn
  readonly operator: LinkOperator
  readonly right: LinkedColumn
}

export interface LinkedColumn {
  /** The index in `partners`; -1 is the occurrence itself. */
  readonly partner: number
  readonly column: string
}

export type LinkOperator = '=' | '<' | '<=' | '>' | '>=' | '<>'

export interface Condition {
  readonly column: string
  readonly operator: LinkOperator | 'in' | 'is null' | 'is not null'
  /** What the column is compared with; several only for `in`, none for null tests. */
  readonly operands: readonly Operand[]
}

export type Operand =
  | { readonly kind: 'parameter'; /** 1 for `$1`. */ readonly number: number }
  /** Every element of an array parameter, as in `= any($1)`. */
  | { readonly kind: 'elements'; readonly number: number }
  | { readonly kind: 'literal'; readonly value: string | number | boolean | null }

/** How a part of a result is read again instead of the whole. */
export interface Reread {
  /** Tables of which each row of the result has exactly one row, and shows its primary key. */
  readonly tables: readonly RereadTable[]
  /** The ORDER BY, all of it columns that the result shows; empty where there is none. */
  readonly order: readonly RereadOrder[]
}

export interface RereadTable {
  readonly relation: RelationId
  readonly key: readonly RereadKey[]
}

/** A column of the result. */
interface Shown {
  /** 0 for its first column. */
  readonly output: number
  readonly name: string
  readonly kind: ValueKind
}

export interface RereadKey extends Shown {
  /** What the table calls it. */
  readonly column: string
  /** As a cast can name it. */
  readonly type: string
}

export interface RereadOrder extends Shown {
  readonly descending: boolean
  readonly nullsFirst: boolean
}
