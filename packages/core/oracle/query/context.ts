import type { Random } from '../random.js'
import type { Relation, Schema } from '../schema/schema.js'
import { sqlType, type TypeName } from '../schema/sql-types.js'
import type { Expr, Query } from './kysely.js'

export interface BlockOptions {
  readonly outer: Scope | undefined
  readonly depth: number
  /** `result` is what the user gets, `arm` one side of a set operation, `list` one column of an IN. */
  readonly purpose: 'result' | 'derived' | 'exists' | 'list' | 'arm'
  /** The types of the columns, where the place demands them. */
  readonly want: readonly TypeName[] | undefined
}

/** The rules that call one another: handed in, so that no module imports its way back to itself. */
export interface Grammar {
  block(context: Context, options: BlockOptions): Block
  selection(context: Context, scope: Scope, query: Query, options: BlockOptions): Block
  predicate(context: Context, scope: Scope, depth: number): Expr
  scalarSubquery(context: Context, scope: Scope, type: TypeName, depth: number): Typed | undefined
}

export interface Output {
  readonly name: string
  readonly type: TypeName
}

/** One entry of a FROM clause. */
export interface Item {
  readonly alias: string
  readonly columns: readonly Output[]
  /** Columns that identify its rows; empty if none do. */
  readonly key: readonly string[]
  /** The base table or view behind it, if it is one. */
  readonly relation: Relation | undefined
}

/** What a block's expressions may name: its own items, then those of the blocks around it. */
export interface Scope {
  readonly items: Item[]
  readonly outer: Scope | undefined
  /** Set when no further item will come, so that a column's name alone may be enough. */
  complete: boolean
}

export interface Typed {
  readonly expression: Expr
  readonly type: TypeName
}

/** A query expression with the columns that it returns. */
export interface Block {
  readonly query: Query
  readonly columns: readonly Output[]
  /** Whether its ORDER BY leaves no two different rows in either order. */
  readonly ordered: boolean
}

export interface CommonTable {
  readonly name: string
  readonly columns: readonly Output[]
}

/**
 * What one query's generation shares. Two sources of randomness: `structure` decides the SQL text, `values` the
 * parameters, so that the same structure with other values is another instance of the same shape.
 */
export class Context {
  readonly features = new Set<string>()
  readonly commonTables: CommonTable[] = []
  /** Set where PostgreSQL may show either of two equal values that print differently. */
  loose = false
  dependsOn: string[] = []
  #aliases = 0

  constructor(
    readonly structure: Random,
    readonly values: Random,
    readonly schema: Schema,
    readonly version: number,
    readonly grammar: Grammar,
  ) {}

  block(options: BlockOptions): Block {
    return this.grammar.block(this, options)
  }

  predicate(scope: Scope, depth: number): Expr {
    return this.grammar.predicate(this, scope, depth)
  }

  tag(feature: string): void {
    this.features.add(feature)
  }

  /** A name that nothing else in the query has. */
  fresh(prefix: string): string {
    return this.structure.chance(0.05) ? `${prefix} "${++this.#aliases}` : `${prefix}${++this.#aliases}`
  }

  /** A parameter's value: usually one that rows have, NULL now and then. */
  value(type: TypeName): unknown {
    return this.values.chance(0.06) ? null : this.values.pick(sqlType(type).parameters)
  }
}

export function newScope(outer: Scope | undefined): Scope {
  return { items: [], outer, complete: false }
}

/** Items that can be named from `scope`: an alias hides the same alias further out. */
export function visibleItems(scope: Scope): { readonly item: Item; readonly own: boolean }[] {
  const result: { item: Item; own: boolean }[] = []
  for (let level: Scope | undefined = scope; level; level = level.outer) {
    for (const item of level.items) {
      if (!result.some((seen) => seen.item.alias === item.alias)) result.push({ item, own: level === scope })
    }
  }
  return result
}
