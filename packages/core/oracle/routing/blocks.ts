import { sql } from 'kysely'
import { builder, eb, type Loose, type Query } from '../query/kysely.js'
import { KINDS, type KindName, type RouteColumn } from './columns.js'
import { link, predicate } from './predicates.js'
import { baseItem, ordered, pick, reference, type Item, type Making } from './shape.js'

/** FROM, joins and WHERE, with nothing selected yet. */
export interface Block {
  readonly query: Query
  readonly items: readonly Item[]
}

export function block(making: Making, depth = 2, first?: { readonly from: Loose; readonly item: Item }): Block {
  const { structure } = making
  const start = first ?? source(making, depth)
  let query: Query = builder.selectFrom(start.from)
  const items = [start.item]
  const joins = structure.weighted([
    [6, 0],
    [8, 1],
    [4, 2],
    [1.5, 3],
  ])
  for (let count = 0; count < joins; count++) query = joined(making, query, items, depth)
  const conditions = structure.weighted([
    [items.length > 1 ? 1.5 : 0.5, 0],
    [6, 1],
    [3, 2],
  ])
  if (items.length > 1 && structure.chance(0.35)) query = atBothEnds(making, query, items)
  for (let count = 0; count < conditions; count++) query = query.where(predicate(making, items, depth) as Loose)
  return { query, items }
}

/**
 * Parameters on two of the items, of few values: neither item's rows alone tell which instances they matter to, so that
 * each of them depends on the other's being known.
 */
function atBothEnds(making: Making, query: Query, items: readonly Item[]): Query {
  const { structure } = making
  making.tag('parameters on both sides')
  return structure.sample(items, 2).reduce<Query>((built, item) => {
    const [, column] = pickFew(making, [item])
    return built.where(eb(reference(item, column), '=', making.parameter(column.kind)))
  }, query)
}

/** A column of few values, if there is one. */
export function pickFew({ structure }: Making, items: readonly Item[]): readonly [Item, RouteColumn] {
  const all = items.flatMap((item) => item.columns.map((column) => [item, column] as const))
  const few = all.filter(([, { kind }]) => FEW_VALUES.has(kind))
  return structure.pick(few.length > 0 ? few : all)
}

const FEW_VALUES = new Set<KindName>(['flag', 'status', 'uuid', 'big'])

function source(making: Making, depth: number): { readonly from: Loose; readonly item: Item } {
  return depth > 1 && making.structure.chance(0.12)
    ? derived(making, depth - 1)
    : baseItem(making, making.structure.pick(making.tables))
}

type Join = 'innerJoin' | 'leftJoin' | 'rightJoin' | 'fullJoin'

function joined(making: Making, query: Query, items: Item[], depth: number): Query {
  const { structure } = making
  if (structure.chance(0.06) && depth > 0) return lateral(making, query, items)
  const { from, item } = source(making, depth)
  const kind = structure.weighted<Join>([
    [9, 'innerJoin'],
    [7, 'leftJoin'],
    [0.6, 'rightJoin'],
    [0.4, 'fullJoin'],
  ])
  making.tag(kind)
  // PostgreSQL hashes or merges full joins, and needs an equality for that.
  const tie = kind === 'fullJoin' ? plainTie(items, item) : (foreign(making, item, items) ?? plainTie(items, item))
  const extra = kind !== 'fullJoin' && structure.chance(0.25) ? predicate(making, [...items, item], 0) : undefined
  items.push(item)
  return (query as Loose)[kind](from, (join: Loose) => {
    const on = join.on(tie)
    return extra ? on.on(extra) : on
  })
}

/** As foreign keys are joined, or by any two columns of one kind. */
function foreign(making: Making, item: Item, items: readonly Item[]): Loose {
  const { structure } = making
  const other = structure.pick(items)
  const column = (of: Item, name: string): RouteColumn | undefined => of.columns.find((one) => one.name === name)
  if (structure.chance(0.35)) return link(making, [item], items)
  const [key, ref] = structure.chance(0.6) ? [item, other] : [other, item]
  const id = column(key, 'id')
  const to = column(ref, structure.pick(['parent', 'other']))
  return id && to ? eb(reference(ref, to), '=', reference(key, id)) : link(making, [item], items)
}

export function plainTie(items: readonly Item[], item: Item): Loose {
  return eb(
    eb.ref(`${items[0]!.alias}.${items[0]!.columns[0]!.name}`),
    '=',
    eb.ref(`${item.alias}.${item.columns[0]!.name}`),
  )
}

function lateral(making: Making, query: Query, items: Item[]): Query {
  const { from, item } = baseItem(making, making.structure.pick(making.tables))
  const alias = making.alias('l')
  const inner = builder
    .selectFrom(from as Loose)
    .select(`${item.alias}.id`)
    .where((link(making, [item], items) ?? predicate(making, [item], 0)) as Loose)
  const isLimited = making.structure.chance(0.5)
  const made = isLimited ? ordered(inner, [item]).limit(1) : inner
  making.tag(isLimited ? 'lateral limit' : 'lateral')
  items.push({ alias, columns: [{ name: 'id', kind: 'id' }], isKeyed: false, order: [eb.ref(`${alias}.id`)] })
  const kind = making.structure.pick(['innerJoinLateral', 'leftJoinLateral'] as const)
  return (query as Loose)[kind](made.as(alias), (join: Loose) => join.onTrue()) as Query
}

/** Columns that print alike where they are equal; the first is an id. */
export function outputs(making: Making, items: readonly Item[], count: number): (readonly [Item, RouteColumn])[] {
  const first = pick(making, items, 'id') as readonly [Item, RouteColumn]
  const rest = Array.from({ length: count - 1 }, () => pick(making, items) as readonly [Item, RouteColumn])
  return [first, ...rest.filter(([, column]) => column.kind !== 'number')]
}

export function selectAll(query: Query, chosen: readonly (readonly [Item, RouteColumn])[]): Query {
  return chosen.reduce<Query>(
    (built, [item, column], index) => built.select(reference(item, column).as(`c${index}`)),
    query,
  )
}

/** A derived table: plain, grouped, an aggregate over everything, or one that picks rows. */
export function derived(making: Making, depth: number): { readonly from: Loose; readonly item: Item } {
  const { structure } = making
  const { query, items } = block(making, depth - 1)
  const chosen = outputs(making, items, structure.between(2, 4))
  const columns = chosen.map(([, { kind }], index): RouteColumn => ({ name: `c${index}`, kind }))
  const alias = making.alias('d')
  const item = { alias, columns, isKeyed: false, order: columns.map(({ name }) => sql`${sql.id(alias, name)}::text`) }
  const selected = selectAll(query, chosen)
  const made = structure.weighted<readonly [string, () => Query]>([
    [5, ['derived', () => selected]],
    [1.5, ['derived limit', () => ordered(selected, items).limit(structure.between(2, 6))]],
    [1, ['derived distinct', () => selected.distinct()]],
    [1, ['derived distinct on', () => ordered(selected.distinctOn(items[0]!.order[0] as Loose), items)]],
    [1, ['derived union', () => selected.unionAll(arm(making, columns))]],
    [0.5, ['derived union limit', () => selected.unionAll(limitedByColumns(making, arm(making, columns), columns))]],
    [0.7, ['derived rollup', () => rolledUp(making, selected, chosen)]],
  ])
  making.tag(made[0])
  return { from: made[1]().as(alias), item }
}

/** What limits the last arm of a union limits the whole of it. */
function limitedByColumns(making: Making, query: Query, columns: readonly RouteColumn[]): Query {
  const sorted = columns.reduce<Query>((built, _, index) => built.orderBy(sql.lit(index + 1)), query)
  return sorted.limit(making.structure.between(2, 6))
}

export function rolledUp(making: Making, query: Query, chosen: readonly (readonly [Item, RouteColumn])[]): Query {
  const name = making.structure.pick(['rollup', 'CUBE', 'grouping sets'])
  making.tag('grouping sets as a function')
  const own = chosen.map(([item, column]) => reference(item, column))
  return query.groupBy(eb.fn(name, name === 'grouping sets' ? [sql`()`, ...own] : own))
}

/** Rows that are returned because of other rows; or that are numbered, to be picked by their `position`. */
export function picking(
  making: Making,
  { query, items }: Block,
  chosen: readonly (readonly [Item, RouteColumn])[],
): { readonly query: Query; readonly isNumbered: boolean } {
  const { structure } = making
  const [item, column] = chosen.at(-1)!
  const selected = selectAll(query, chosen)
  const over = (built: Loose): Loose =>
    items
      .flatMap(({ order }) => order)
      .reduce((sorted, by) => sorted.orderBy(by), built.partitionBy(reference(item, column)))
  return structure.pick([
    () => ({ query: ordered(selected, items).limit(structure.between(3, 8)), isNumbered: false }),
    () => ({
      query: ordered(selected.distinctOn(reference(item, column)).orderBy(reference(item, column)), items),
      isNumbered: false,
    }),
    () => ({
      query: selected.select(eb.fn.agg('row_number').over(over).as('position') as Loose),
      isNumbered: true,
    }),
  ])()
}

/** A SELECT of columns of these kinds. */
export function arm(making: Making, columns: readonly RouteColumn[]): Loose {
  const { query, items } = block(making, 0)
  return columns.reduce<Query>((built, { kind, name }) => {
    const found = pick(making, items, kind)
    return built.select(
      found ? reference(...found).as(name) : eb.cast(eb.lit(null), sql.raw(KINDS[kind].sql) as Loose).as(name),
    )
  }, query)
}
