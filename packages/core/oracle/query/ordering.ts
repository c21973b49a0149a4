import { sqlType } from '../schema/sql-types.js'
import type { Context, Item, Output, Scope } from './context.js'
import type { Expr, Loose, Query } from './kysely.js'
import { pickColumn, qualifiedReference, wholeRowText } from './references.js'
import { sql } from 'kysely'

/** An ORDER BY that leaves no two different rows of the block in either order. */
export function totalOrder(context: Context, scope: Scope, query: Query): Query {
  return orderExpressions(context, scope).reduce<Query>(
    (built, expression) => built.orderBy(expression as Loose, direction(context)),
    query,
  )
}

/** Expressions that tell apart any two rows of the block. */
export function orderExpressions(context: Context, scope: Scope): Expr[] {
  const first = context.structure.chance(0.6)
    ? pickColumn(context, { ...scope, outer: undefined, complete: false }, isOrdered)
    : undefined
  return [...(first ? [first.expression] : []), ...scope.items.flatMap((item) => rowIdentity(context, item))]
}

function rowIdentity(context: Context, item: Item): Expr[] {
  if (item.key.length > 0 && context.structure.chance(0.95))
    return item.key.map((column) => qualifiedReference(item, column))
  const exact = item.columns.every((column) => isTotal(column))
  if (exact && context.structure.chance(0.5)) return item.columns.map((column) => qualifiedReference(item, column.name))
  context.tag('whole row')
  return [wholeRowText(item)]
}

function isOrdered(type: Output['type']): boolean {
  return sqlType(type).ordered
}

/** Whether equal values of the column print alike, and it has an order. */
export function isTotal(column: Output): boolean {
  return sqlType(column.type).ordered && !sqlType(column.type).lossy
}

export function direction(context: Context): Loose {
  return context.structure.weighted<Loose>([
    [5, undefined],
    [3, 'desc'],
    [1, 'asc'],
    [1, (order: Loose) => order.desc().nullsLast()],
    [1, (order: Loose) => order.asc().nullsFirst()],
    [0.3, (order: Loose) => order.desc().nullsFirst()],
  ])
}

/** LIMIT and OFFSET, as parameters or literals; only on a total order. */
export function limited(context: Context, query: Query): Query {
  const { structure } = context
  const count = context.values.between(1, 4)
  context.tag('limit')
  const made = structure.weighted<() => Query>([
    [6, () => query.limit(count)],
    [1, () => query.limit(sql.lit(structure.between(1, 4)))],
    [1, () => query.fetch(count, 'with ties')],
    [1, () => query.limit(sql<number>`${count}::int8`)],
  ])()
  if (structure.chance(0.75)) return made
  context.tag('offset')
  return made.offset(context.values.between(0, 3))
}
