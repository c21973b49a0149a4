import { sql } from 'kysely'
import { sqlType, type TypeName } from '../schema/sql-types.js'
import {
  visibleItems,
  type BlockOptions,
  type Context,
  type Item,
  type Output,
  type Scope,
  type Typed,
} from './context.js'
import { eb, type Expr } from './kysely.js'

export interface Reference extends Typed {
  readonly item: Item
  readonly column: Output
}

/** A column that can be named from `scope` and meets `accept`; from an outer block now and then. */
export function pickColumn(context: Context, scope: Scope, accept: (type: TypeName) => boolean): Reference | undefined {
  const { structure } = context
  const candidates = visibleItems(scope).flatMap(({ item, own }) =>
    item.columns.filter((column) => accept(column.type)).map((column) => ({ item, column, own })),
  )
  const own = candidates.filter((candidate) => candidate.own)
  const outer = candidates.filter((candidate) => !candidate.own)
  const pool = own.length === 0 || (outer.length > 0 && structure.chance(0.25)) ? outer : own
  if (pool.length === 0) return undefined
  const { item, column } = structure.pick(pool)
  if (pool === outer) context.tag('correlated')
  return { item, column, type: column.type, expression: reference(context, scope, item, column.name) }
}

/** `alias.column`, or the bare column where only one item of the block has it. */
export function reference(context: Context, scope: Scope, item: Item, column: string): Expr {
  const bare =
    scope.complete &&
    scope.items.includes(item) &&
    scope.items.filter((other) => other.columns.some(({ name }) => name === column)).length === 1 &&
    context.structure.chance(0.2)
  if (bare) context.tag('bare column')
  return eb.ref(bare ? column : `${item.alias}.${column}`)
}

export function qualifiedReference(item: Item, column: string): Expr {
  return eb.ref(`${item.alias}.${column}`)
}

export function hasEquality(type: TypeName): boolean {
  return sqlType(type).equality
}

export function isExact(type: TypeName): boolean {
  return sqlType(type).equality && !sqlType(type).lossy
}

export function sameFamily(type: TypeName): (other: TypeName) => boolean {
  return (other) => sqlType(other).family === sqlType(type).family
}

/**
 * The same value, printed alike for all equal values: where PostgreSQL keeps one of several equal values (GROUP BY,
 * DISTINCT, UNION, min), which one it keeps would otherwise be chance.
 */
export function canonical(value: Typed): Typed {
  switch (sqlType(value.type).canonical) {
    case undefined:
      return value
    case 'trim_scale':
      return { type: value.type, expression: eb.fn('trim_scale', [value.expression]) }
    case 'plus zero':
      return { type: value.type, expression: eb(value.expression, '+', eb.lit(0)) }
    case 'text':
      if (value.type === 'insensitive') return { type: 'text', expression: sql`(${value.expression} collate "C")` }
      return { type: 'text', expression: eb.cast(value.expression, 'text') }
  }
}

/** A row's whole text: differs wherever rows differ visibly. Types without an order, and equal but different values, included. */
export function wholeRowText(item: Item): Expr {
  return sql`(${sql.id(item.alias)}.*)::text`
}

/**
 * A value of which PostgreSQL keeps one among equals. At the top of a query the comparison may shut an eye; further
 * down the choice could decide what the query does.
 */
export function settled(context: Context, value: Typed, { purpose }: BlockOptions): Typed {
  const numeric = ['trim_scale', 'plus zero'].includes(sqlType(value.type).canonical ?? '')
  if (purpose === 'result' && numeric) {
    context.loose = true
    return value
  }
  return canonical(value)
}
