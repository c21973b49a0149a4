import { sql } from 'kysely'
import type { Relation } from '../schema/schema.js'
import type { CommonTable, Context, Item, Output, Scope } from './context.js'
import { builder, type Loose, type Query } from './kysely.js'
import { qualifiedReference } from './references.js'

/** What a FROM clause or a join takes, with the item that it makes. */
export interface Source {
  readonly table: Loose
  readonly item: Item
  /** Its rows depend on items before it. */
  readonly lateral: boolean
}

/** Starts a block on a base table or view that meets `accept`, or on any. */
export function addSource(
  context: Context,
  scope: Scope,
  depth: number,
  accept?: (relation: Relation) => boolean,
): Query {
  const fitting = accept ? context.schema.relations.filter(accept) : []
  const source =
    fitting.length > 0 ? baseSource(context, scope, context.structure.pick(fitting)) : anySource(context, scope, depth)
  scope.items.push(source.item)
  return builder.selectFrom(source.table)
}

export function anySource(context: Context, scope: Scope, depth: number): Source {
  const { structure, commonTables } = context
  return structure.weighted<() => Source>([
    [10, () => baseSource(context, scope, structure.pick(context.schema.relations))],
    [commonTables.length > 0 ? 5 : 0, () => commonSource(context, structure.pick(commonTables))],
    [depth > 0 ? 2 : 0, () => derivedSource(context, scope.outer, depth)],
    [0.6, () => rawSource(context)],
  ])()
}

/** A base table under its own name or an alias, with or without its schema. */
export function baseSource(context: Context, scope: Scope, relation: Relation): Source {
  const { structure, commonTables } = context
  const hidden = commonTables.some((table) => table.name === relation.name)
  const taken = scope.items.some((item) => item.alias === relation.name)
  const prefix = relation.schema === 'public' && !hidden && structure.chance(0.85) ? '' : `${relation.schema}.`
  const plain = !taken && structure.chance(0.35)
  const alias = plain ? relation.name : context.fresh(structure.chance(0.1) ? 'Alias ' : 't')
  context.tag(relation.kind)
  if (plain && scope.outer?.items.some((item) => item.alias === alias)) context.tag('alias hides an outer one')
  return {
    table: plain ? `${prefix}${relation.name}` : `${prefix}${relation.name} as ${alias}`,
    item: { alias, columns: relation.columns, key: relation.key, relation },
    lateral: false,
  }
}

function commonSource(context: Context, common: CommonTable): Source {
  const alias = context.structure.chance(0.3) ? common.name : context.fresh('c')
  context.tag('cte reference')
  const unique = alias === common.name ? context.fresh('c') : alias
  return {
    table: `${common.name} as ${unique}`,
    item: { alias: unique, columns: common.columns, key: [], relation: undefined },
    lateral: false,
  }
}

export function derivedSource(context: Context, outer: Scope | undefined, depth: number): Source {
  const alias = context.fresh('d')
  const { query, columns } = context.block({ outer, depth: depth - 1, purpose: 'derived', want: undefined })
  context.tag('derived table')
  return { table: query.as(alias), item: { alias, columns, key: [], relation: undefined }, lateral: false }
}

/** A derived table that sees the items before it. */
export function lateralSource(context: Context, scope: Scope, depth: number): Source {
  const source = derivedSource(context, { ...scope, complete: false }, depth)
  context.tag('lateral')
  return { ...source, lateral: true }
}

/** Fragments in FROM that the builder knows no nodes for. */
function rawSource(context: Context): Source {
  const { structure } = context
  const alias = context.fresh('r').replaceAll(/[ "]/g, '_')
  const item = (columns: readonly Output[]): Item => ({ alias, columns, key: [], relation: undefined })
  const { value, columns } = structure.pick([
    () => ({
      value: sql`generate_series(1, ${context.values.between(2, 4)}::int4)`.as(sql.raw(`${alias}(n)`)),
      columns: [{ name: 'n', type: 'int4' }] as const,
    }),
    () => ({
      value: sql`(values (1, ${context.value('text')}::text), (${context.value('int4')}::int4, 'b'))`.as(
        sql.raw(`${alias}(n, s)`),
      ),
      columns: [
        { name: 'n', type: 'int4' },
        { name: 's', type: 'text' },
      ] as const,
    }),
    () => ({
      value: sql`unnest(${[1, 2, context.values.int(5)]}::int4[])`.as(sql.raw(`${alias}(n)`)),
      columns: [{ name: 'n', type: 'int4' }] as const,
    }),
  ])()
  context.tag('raw from')
  return { table: value, item: item(columns), lateral: false }
}

/** A set-returning function over a column of an item before it: lateral without the word. */
export function unnestSource(context: Context, scope: Scope): Source | undefined {
  const arrays = scope.items.flatMap((item) =>
    item.columns
      .filter((column) => column.type === 'texts' || column.type === 'ints')
      .map((column) => ({ item, column })),
  )
  if (arrays.length === 0) return undefined
  const { item, column } = context.structure.pick(arrays)
  const alias = context.fresh('u').replaceAll(/[ "]/g, '_')
  const type = column.type === 'texts' ? 'text' : 'int4'
  context.tag('unnest of a column')
  return {
    table: sql`unnest(${qualifiedReference(item, column.name)})`.as(sql.raw(`${alias}(x)`)),
    item: { alias, columns: [{ name: 'x', type }], key: [], relation: undefined },
    lateral: true,
  }
}
