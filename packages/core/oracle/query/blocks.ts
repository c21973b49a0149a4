import { sqlType, type TypeName } from '../schema/sql-types.js'
import { newScope, type Block, type BlockOptions, type Context, type Output, type Scope } from './context.js'
import { expression } from './expressions.js'
import { aggregated, grouped } from './grouping.js'
import { addJoin } from './joins.js'
import { builder, eb, named, type Expr, type Loose, type Query } from './kysely.js'
import { direction, isTotal, limited, orderExpressions, totalOrder } from './ordering.js'
import { pickColumn, settled } from './references.js'
import { selection } from './selection.js'
import { addSource, anySource } from './sources.js'
import { correlation } from './subqueries.js'

/** One SELECT: items, WHERE, and one of the ways to make rows of them. */
export function block(context: Context, options: BlockOptions): Block {
  const { structure } = context
  const scope = newScope(options.outer)
  let query = from(context, scope, options)
  scope.complete = true
  query = where(context, scope, query, options)
  if (options.purpose === 'exists') return existence(context, scope, query)
  const deep = options.purpose === 'result' || options.purpose === 'derived'
  return structure.weighted<() => Block>([
    [12, () => plain(context, scope, query, options)],
    [deep ? 3.5 : 0, () => grouped(context, scope, query, options)],
    [deep ? 2 : 0.3, () => aggregated(context, scope, query, options)],
    [1, () => distinct(context, scope, query, options)],
    [1, () => distinctOn(context, scope, query, options)],
  ])()
}

function from(context: Context, scope: Scope, { depth }: BlockOptions): Query {
  const { structure } = context
  const count = structure.weighted([
    [9, 1],
    [7, 2],
    [depth > 0 ? 2 : 0, 3],
  ])
  if (count === 2 && structure.chance(0.07)) {
    const sources = [anySource(context, scope, 0), anySource(context, scope, 0)]
    if (sources[0]?.item.alias !== sources[1]?.item.alias) {
      context.tag('several froms')
      scope.items.push(...sources.map((source) => source.item))
      return builder.selectFrom(sources.map((source) => source.table))
    }
  }
  let query = addSource(context, scope, depth)
  for (let joined = 1; joined < count; joined++) query = addJoin(context, scope, query, depth)
  return query
}

function where(context: Context, scope: Scope, query: Query, { outer, purpose, depth }: BlockOptions): Query {
  const { structure } = context
  const conditions: Expr[] = []
  const correlated =
    outer && structure.chance(purpose === 'exists' ? 0.8 : 0.5) ? correlation(context, scope, outer) : undefined
  if (correlated) conditions.push(correlated)
  const count = structure.weighted([
    [3, 0],
    [5, 1],
    [2, 2],
  ])
  for (let made = 0; made < count; made++) conditions.push(context.predicate(scope, depth))
  const first = conditions[0]
  if (first && structure.chance(0.03)) {
    context.tag('one expression twice')
    conditions.push(first)
  }
  return conditions.reduce<Query>((built, condition) => built.where(condition as Loose), query)
}

function existence(context: Context, scope: Scope, query: Query): Block {
  const item = scope.items[0]
  const made = context.structure.pick<() => Query>([
    () => query.select(eb.lit(1).as('one')),
    () => query.selectAll(),
    () =>
      item ? query.select(item.columns.slice(0, 1).map((column) => `${item.alias}.${column.name}`)) : query.selectAll(),
  ])()
  return { query: made, columns: [], ordered: false }
}

function plain(context: Context, scope: Scope, query: Query, options: BlockOptions): Block {
  const { structure } = context
  const selected = selection(context, scope, query, options)
  return structure.weighted<() => Block>([
    [options.purpose === 'arm' ? 12 : 4, () => ({ ...selected, ordered: false })],
    [options.purpose === 'arm' ? 0 : 1, () => partiallyOrdered(context, scope, selected)],
    [
      options.purpose === 'arm' ? 0 : 4,
      () => ({ ...selected, query: totalOrder(context, scope, selected.query), ordered: true }),
    ],
    [
      options.purpose === 'arm' ? 0 : 3,
      () => ({ ...selected, query: limited(context, totalOrder(context, scope, selected.query)), ordered: true }),
    ],
  ])()
}

function partiallyOrdered(context: Context, scope: Scope, selected: Block): Block {
  const column = pickColumn(context, { ...scope, complete: false }, (type) => sqlType(type).ordered)
  if (!column) return selected
  context.tag('order by with ties')
  return { ...selected, query: selected.query.orderBy(column.expression as Loose, direction(context)), ordered: false }
}

function distinct(context: Context, scope: Scope, query: Query, options: BlockOptions): Block {
  // A wanted type must stay; making equal values print alike would change it.
  if (options.want?.some((type) => sqlType(type).canonical === 'text')) return plain(context, scope, query, options)
  context.tag('distinct')
  const wanted =
    options.want ?? [pickType(context, scope), pickType(context, scope)].slice(0, context.structure.between(1, 2))
  const columns: Output[] = []
  let built = query.distinct()
  for (const type of wanted) {
    const value = settled(context, expression(context, scope, type, options.depth), options)
    const name = `c${columns.length}`
    built = built.select(named(value.expression, name))
    columns.push({ name, type: value.type })
  }
  if (!columns.every(isTotal) || context.structure.chance(0.4) || options.purpose === 'arm')
    return { query: built, columns, ordered: false }
  built = columns.reduce((ordered, column) => ordered.orderBy(column.name, direction(context)), built)
  return { query: context.structure.chance(0.4) ? limited(context, built) : built, columns, ordered: true }
}

function pickType(context: Context, scope: Scope): TypeName {
  return pickColumn(context, { ...scope, outer: undefined }, (type) => sqlType(type).equality)?.type ?? 'int4'
}

function distinctOn(context: Context, scope: Scope, query: Query, options: BlockOptions): Block {
  const column = pickColumn(context, { ...scope, outer: undefined, complete: false }, (type) => sqlType(type).ordered)
  if (!column || options.purpose === 'arm') return plain(context, scope, query, options)
  context.tag('distinct on')
  const selected = selection(context, scope, query.distinctOn([column.expression as Loose]), options)
  const ordered = [column.expression, ...orderExpressions(context, scope)].reduce<Query>(
    (built, expr) => built.orderBy(expr as Loose, direction(context)),
    selected.query,
  )
  return { ...selected, query: ordered, ordered: true }
}
