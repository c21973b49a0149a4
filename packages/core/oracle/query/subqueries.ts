import { sql } from 'kysely'
import { sqlType, type TypeName } from '../schema/sql-types.js'
import { newScope, type Context, type Scope, type Typed } from './context.js'
import { eb, named, type Expr, type Loose } from './kysely.js'
import { canonical, hasEquality, pickColumn, qualifiedReference, sameFamily } from './references.js'
import { addSource } from './sources.js'
import { totalOrder } from './ordering.js'

export function existsPredicate(context: Context, scope: Scope, depth: number): Expr {
  const { query } = context.block({ outer: scope, depth, purpose: 'exists', want: undefined })
  const negated = context.structure.chance(0.35)
  context.tag(negated ? 'not exists' : 'exists')
  return negated ? eb.not(eb.exists(query)) : eb.exists(query)
}

export function inSubquery(context: Context, scope: Scope, depth: number): Expr | undefined {
  const column = pickColumn(context, scope, (type) => hasEquality(type) && type !== 'large')
  if (!column) return undefined
  const { query } = context.block({ outer: scope, depth, purpose: 'list', want: [column.type] })
  const chosen = context.structure.chance(0.7) ? 'in' : 'not in'
  context.tag(`${chosen} subquery`)
  return eb(column.expression, chosen, query as Loose)
}

export function quantified(context: Context, scope: Scope, depth: number): Expr | undefined {
  const column = pickColumn(context, scope, (type) => sqlType(type).ordered)
  if (!column) return undefined
  const { query } = context.block({ outer: scope, depth, purpose: 'list', want: [column.type] })
  context.tag('any or all (subquery)')
  const chosen = sql.raw(context.structure.pick(['= any', '<> all', '>= all', '< any']))
  return sql`(${column.expression} ${chosen} ${query})`
}

export function scalarComparison(context: Context, scope: Scope, depth: number): Expr | undefined {
  const column = pickColumn(context, scope, hasEquality)
  const value = column && scalarSubquery(context, scope, column.type, depth)
  if (!column || !value) return undefined
  context.tag('column = scalar subquery')
  return eb(column.expression, '=', value.expression as Loose)
}

/** A subquery of one row and one column: an aggregate, or the first row of an order. */
export function scalarSubquery(context: Context, outer: Scope, type: TypeName, depth: number): Typed | undefined {
  const { structure } = context
  const scope = newScope(outer)
  const base = addSource(context, scope, Math.min(depth, 0), (relation) =>
    relation.columns.some((column) => column.type === type),
  )
  scope.complete = true
  const own = scope.items[0]?.columns.filter((column) => column.type === type) ?? []
  const item = scope.items[0]
  const column = own.length > 0 ? structure.pick(own) : undefined
  let query = base
  if (structure.chance(0.75)) query = query.where(context.predicate(scope, depth - 1))
  context.tag('scalar subquery')
  if (type === 'int8' && structure.chance(0.5)) {
    return { type, expression: query.select(eb.fn.countAll().as('n')) }
  }
  if (!column || !item) return undefined
  const value: Typed = { type, expression: qualifiedReference(item, column.name) }
  if (sqlType(type).extremes && structure.chance(0.5)) {
    const extreme: Loose = structure.chance(0.5) ? eb.fn.max(value.expression) : eb.fn.min(value.expression)
    return { type, expression: query.select(named(canonical({ type, expression: extreme }).expression, 'extreme')) }
  }
  return { type, expression: totalOrder(context, scope, query.select(named(value.expression, 'first'))).limit(1) }
}

export function correlation(context: Context, inner: Scope, outer: Scope): Expr | undefined {
  const column = pickColumn(context, { ...inner, outer: undefined }, hasEquality)
  if (!column) return undefined
  const other = pickColumn(
    context,
    { ...outer, complete: false },
    (type) => sameFamily(column.type)(type) && hasEquality(type),
  )
  return other && eb(column.expression, '=', other.expression as Loose)
}
