import { sql } from 'kysely'
import { sqlType, type TypeName } from '../schema/sql-types.js'
import type { Block, BlockOptions, Context, Item, Output, Scope, Typed } from './context.js'
import { eb, named, type Expr, type Loose, type Query } from './kysely.js'
import { direction, limited, orderExpressions } from './ordering.js'
import { hasEquality, isExact, pickColumn, qualifiedReference, sameFamily, settled } from './references.js'

/** GROUP BY one or two columns, a primary key, or grouping sets; with aggregates, and HAVING at times. */
export function grouped(context: Context, scope: Scope, query: Query, options: BlockOptions): Block {
  const { structure } = context
  const keyed = scope.items.find((item) => item.key.length > 0 && item.relation?.kind !== 'view')
  if (keyed && structure.chance(0.2)) return groupedByKey(context, scope, query, keyed, options)
  const groups = groupColumns(context, scope, options)
  if (groups.length === 0) return aggregated(context, scope, query, options)
  if (groups.length === 2 && structure.chance(0.15)) return groupingSets(context, scope, query, groups, options)
  context.tag('group by')
  let built = query.groupBy(groups.map((group) => group.expression as Loose))
  const columns: Output[] = []
  for (const group of groups) {
    const name = `g${columns.length}`
    built = built.select(named(group.expression, name))
    columns.push({ name, type: group.type })
  }
  built = having(context, scope, withAggregates(context, scope, built, columns, options))
  if (structure.chance(0.5)) return { query: built, columns, ordered: false }
  built = groups.reduce((ordered, group) => ordered.orderBy(group.expression as Loose, direction(context)), built)
  return { query: structure.chance(0.4) ? limited(context, built) : built, columns, ordered: true }
}

/** Values without parameters of their own: the same expression stands in GROUP BY and in SELECT. */
function groupColumns(context: Context, scope: Scope, options: BlockOptions): Typed[] {
  const own: Scope = { ...scope, outer: undefined, complete: false }
  const groups: Typed[] = []
  for (let count = context.structure.between(1, 2); count > 0; count--) {
    const column = pickColumn(context, own, hasEquality)
    if (column) groups.push(settled(context, column, options))
  }
  return groups
}

/** Every column of the item follows from its key. */
function groupedByKey(context: Context, scope: Scope, query: Query, item: Item, options: BlockOptions): Block {
  context.tag('group by primary key')
  const columns: Output[] = []
  let built = query.groupBy(item.key.map((column) => qualifiedReference(item, column) as Loose))
  for (const column of context.structure.sample(item.columns, 2)) {
    const name = `k${columns.length}`
    built = built.select(named(qualifiedReference(item, column.name), name))
    columns.push({ name, type: column.type })
  }
  return {
    query: having(context, scope, withAggregates(context, scope, built, columns, options)),
    columns,
    ordered: false,
  }
}

function groupingSets(
  context: Context,
  scope: Scope,
  query: Query,
  groups: readonly Typed[],
  options: BlockOptions,
): Block {
  const [left, right] = groups.map((group) => group.expression) as [Expr, Expr]
  const clause = context.structure.pick([
    sql`grouping sets ((${left}), (${right}), ())`,
    sql`rollup (${left}, ${right})`,
    sql`cube (${left}, ${right})`,
  ])
  context.tag('grouping sets')
  const columns: Output[] = []
  let built = query.groupBy(clause)
  for (const group of groups) {
    built = built.select(named(group.expression, `g${columns.length}`))
    columns.push({ name: `g${columns.length}`, type: group.type })
  }
  return { query: withAggregates(context, scope, built, columns, options), columns, ordered: false }
}

/** Aggregates over the whole block: one row, also over nothing. */
export function aggregated(context: Context, scope: Scope, query: Query, options: BlockOptions): Block {
  context.tag('aggregate without group by')
  const columns: Output[] = []
  if (options.want) {
    let built = query
    for (const type of options.want) {
      const value = aggregateOf(context, scope, type)
      built = built.select(named(value, `a${columns.length}`))
      columns.push({ name: `a${columns.length}`, type })
    }
    return { query: built, columns, ordered: true }
  }
  const built = withAggregates(context, scope, query, columns, options)
  const filtered = context.structure.chance(0.15) ? having(context, scope, built) : built
  return { query: filtered, columns, ordered: true }
}

/** An aggregate whose result has exactly the type. */
function aggregateOf(context: Context, scope: Scope, type: TypeName): Expr {
  const column = pickColumn(context, { ...scope, outer: undefined, complete: false }, (other) => other === type)
  if (type === 'int8') return eb.fn.countAll() as Loose
  const cast = sqlType(type).sql.replace(/ collate .*/, '')
  if (column && sqlType(type).extremes && isExact(type))
    return eb.cast(eb.fn.max(column.expression as Loose) as Loose, sql.raw(cast))
  return eb.cast(eb.fn.agg('max', [sql`null::text`]) as Loose, sql.raw(cast))
}

function withAggregates(context: Context, scope: Scope, query: Query, columns: Output[], options: BlockOptions): Query {
  let built = query
  for (let count = context.structure.between(1, 2); count > 0; count--) {
    const value = settledAggregate(context, scope, options)
    const name = `a${columns.length}`
    built = built.select(named(value.expression, name))
    columns.push({ name, type: value.type })
  }
  return built
}

function settledAggregate(context: Context, scope: Scope, options: BlockOptions): Typed {
  const { structure } = context
  const own: Scope = { ...scope, outer: undefined, complete: false }
  const number = pickColumn(context, own, (type) => sameFamily('int4')(type) && type !== 'float4')
  const extreme = pickColumn(context, own, (type) => sqlType(type).extremes && type !== 'large')
  const any = pickColumn(context, own, hasEquality)
  const text = pickColumn(context, own, (type) => type === 'text' || type === 'varchar')
  const bool = pickColumn(context, own, (type) => type === 'bool')
  const make = structure.weighted<() => Typed | undefined>([
    [3, () => counted(context, scope, own)],
    [
      2,
      () =>
        number && {
          expression: filtered(context, own, eb.fn.sum(number.expression as Loose)),
          type: sumType(number.type),
        },
    ],
    [
      0.7,
      () =>
        number && number.type !== 'float8'
          ? { expression: eb.fn.avg(number.expression as Loose) as Loose, type: 'numeric' }
          : undefined,
    ],
    [
      2,
      () =>
        extreme &&
        settled(
          context,
          {
            expression: eb.fn[structure.pick(['min', 'max'] as const)](extreme.expression as Loose) as Loose,
            type: extreme.type,
          },
          options,
        ),
    ],
    [0.7, () => any && { expression: eb.fn.count(any.expression as Loose).distinct() as Loose, type: 'int8' }],
    [
      0.7,
      () =>
        text && {
          expression: collected(context, scope, eb.fn.agg('string_agg', [text.expression as Loose, sql.lit(',')])),
          type: 'text',
        },
    ],
    [
      0.7,
      () =>
        text && {
          expression: collected(context, scope, eb.fn.agg('array_agg', [eb.cast(text.expression as Loose, 'text')])),
          type: 'texts',
        },
    ],
    [0.7, () => any && { expression: collected(context, scope, eb.fn.jsonAgg(any.expression as Loose)), type: 'json' }],
    [0.4, () => bool && { expression: eb.fn.agg('bool_or', [bool.expression as Loose]) as Loose, type: 'bool' }],
    [
      0.4,
      () =>
        number && number.type === 'int4'
          ? { expression: sql`percentile_disc(0.5) within group (order by ${number.expression})`, type: 'int4' }
          : undefined,
    ],
  ])()
  if (!make) return { expression: eb.fn.countAll() as Loose, type: 'int8' }
  context.tag('aggregate')
  return make
}

function counted(context: Context, scope: Scope, own: Scope): Typed {
  const item = context.structure.pick(scope.items)
  const count = context.structure.pick<() => Loose>([
    () => eb.fn.countAll(),
    () => eb.fn.count(qualifiedReference(item, (item.columns[0] as Output).name) as Loose),
    () => sql`count(*)`,
    () => eb.fn('count', [sql.lit(1)]),
    () => filtered(context, own, eb.fn.countAll()),
  ])()
  return { expression: count, type: 'int8' }
}

function filtered(context: Context, own: Scope, aggregate: Loose): Loose {
  if (context.structure.chance(0.7)) return aggregate
  context.tag('filter (where)')
  return aggregate.filterWhere(context.predicate(own, 0))
}

/** An aggregate whose result depends on the order of its input. */
function collected(context: Context, scope: Scope, aggregate: Loose): Loose {
  context.tag('ordered aggregate')
  return orderExpressions(context, scope).reduce((built: Loose, expr) => built.orderBy(expr), aggregate)
}

function sumType(type: TypeName): TypeName {
  if (type === 'float8') return 'float8'
  return type === 'int4' || type === 'int2' || type === 'positive' ? 'int8' : 'numeric'
}

function having(context: Context, scope: Scope, query: Query): Query {
  if (context.structure.chance(0.6)) return query
  context.tag('having')
  const own: Scope = { ...scope, outer: undefined, complete: false }
  const number = pickColumn(context, own, (type) => type === 'int4')
  const left: Loose = number && context.structure.chance(0.4) ? eb.fn.sum(number.expression as Loose) : eb.fn.countAll()
  return query.having(left, context.structure.pick(['>', '<', '=', '>=']), eb.val(context.values.between(0, 3)))
}
