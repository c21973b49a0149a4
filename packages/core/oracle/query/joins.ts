import { hasEquality, pickColumn, qualifiedReference, sameFamily } from './references.js'
import type { Context, Item, Scope } from './context.js'
import { eb, type Expr, type Loose, type Query } from './kysely.js'
import { anySource, baseSource, lateralSource, unnestSource, type Source } from './sources.js'

type JoinKind = 'innerJoin' | 'leftJoin' | 'rightJoin' | 'fullJoin'

/** Adds one item to the block, by any of the ways to join. */
export function addJoin(context: Context, scope: Scope, query: Query, depth: number): Query {
  const { structure } = context
  if (depth > 0 && structure.chance(0.15)) return addLateral(context, scope, query, depth)
  const unnested = structure.chance(0.15) ? unnestSource(context, scope) : undefined
  if (unnested) {
    scope.items.push(unnested.item)
    return query.crossJoin(unnested.table)
  }
  const source = joinedSource(context, scope, depth)
  const pair = joinPair(context, scope, source.item)
  const kind = structure.weighted<JoinKind | 'crossJoin'>([
    [8, 'innerJoin'],
    [7, 'leftJoin'],
    [2, 'rightJoin'],
    [pair ? 2 : 0, 'fullJoin'],
    [0.7, 'crossJoin'],
  ])
  context.tag(kind)
  scope.items.push(source.item)
  if (kind === 'crossJoin') return query.crossJoin(source.table)
  const conditions = onConditions(context, scope, source, pair, kind, depth)
  const method = (query[kind] as Loose).bind(query) as (table: Loose, join: (builder: Loose) => Loose) => Query
  return method(source.table, (join) => conditions.reduce((built: Loose, condition) => built.on(condition), join))
}

/** A self join at times, a table that refers to, or is referred to by, an item at others. */
function joinedSource(context: Context, scope: Scope, depth: number): Source {
  const { structure } = context
  const first = scope.items.find((item) => item.relation)?.relation
  if (first && structure.chance(0.15)) {
    context.tag('self join')
    return baseSource(context, scope, first)
  }
  const related = context.schema.relations.filter(
    (relation) =>
      relation.columns.some((column) => column.references?.name === first?.name) ||
      first?.columns.some((column) => column.references?.name === relation.name),
  )
  if (related.length > 0 && structure.chance(0.6)) return baseSource(context, scope, structure.pick(related))
  return anySource(context, scope, depth)
}

interface Pair {
  readonly condition: Expr
}

function joinPair(context: Context, scope: Scope, item: Item): Pair | undefined {
  const references = scope.items.flatMap((other) =>
    item.columns.flatMap((column) =>
      other.columns
        .filter((candidate) => candidate.type === column.type && hasEquality(column.type))
        .map((candidate) => ({ column, other, candidate })),
    ),
  )
  if (references.length === 0) return undefined
  const keyed = references.filter(
    ({ column, other, candidate }) =>
      item.key.includes(column.name) !== other.key.includes(candidate.name) && column.name !== candidate.name,
  )
  const { column, other, candidate } = context.structure.pick(
    keyed.length > 0 && context.structure.chance(0.7) ? keyed : references,
  )
  return {
    condition: eb(qualifiedReference(item, column.name), '=', qualifiedReference(other, candidate.name) as Loose),
  }
}

function onConditions(
  context: Context,
  scope: Scope,
  source: Source,
  pair: Pair | undefined,
  kind: JoinKind,
  depth: number,
): Expr[] {
  const { structure } = context
  const conditions: Expr[] = []
  if (pair && (kind === 'fullJoin' || structure.chance(0.9))) conditions.push(pair.condition)
  if (kind !== 'fullJoin' && (conditions.length === 0 || structure.chance(0.25))) {
    const own = { items: structure.chance(0.6) ? [source.item] : scope.items, outer: scope.outer, complete: false }
    conditions.push(
      pickColumn(context, own, sameFamily('int4')) || structure.chance(0.5)
        ? context.predicate(own, depth - 1)
        : eb.lit(true),
    )
    context.tag('condition on a join')
  }
  return conditions
}

function addLateral(context: Context, scope: Scope, query: Query, depth: number): Query {
  const source = lateralSource(context, scope, depth)
  const kind = context.structure.pick(['innerJoinLateral', 'leftJoinLateral', 'crossJoinLateral'] as const)
  context.tag(kind)
  scope.items.push(source.item)
  if (kind === 'crossJoinLateral') return query.crossJoinLateral(source.table)
  const method = (query[kind] as Loose).bind(query) as (table: Loose, join: (builder: Loose) => Loose) => Query
  return method(source.table, (join) => join.onTrue())
}
