import { sql } from 'kysely'
import { jsonArrayFrom, jsonObjectFrom } from 'kysely/helpers/postgres'
import type { QueryCase } from '../case.js'
import { encodeNode } from '../query/codec.js'
import { builder, eb, type Loose, type Query } from '../query/kysely.js'
import { Random } from '../random.js'
import type { RouteColumn, RouteTable } from './columns.js'
import { arm, block, derived, outputs, pickFew, picking, plainTie, rolledUp, selectAll, type Block } from './blocks.js'
import { countOfAll, link, predicate } from './predicates.js'
import { baseItem, Making, ordered, pick, reference, type Item } from './shape.js'

export interface RoutedQuery {
  readonly query: Omit<QueryCase, 'id' | 'initial'>
  readonly features: ReadonlySet<string>
}

/** A query that routing should narrow; another `valueSeed` is the same SQL with other parameters. */
export function makeQuery(tables: readonly RouteTable[], shapeSeed: number, valueSeed: number): RoutedQuery {
  const making = new Making(new Random(shapeSeed), new Random(valueSeed), tables)
  const { query, isOrdered } = result(making)
  const node = query.toOperationNode()
  const { sql: text } = builder.getExecutor().compileQuery(node, { queryId: 'oracle' })
  return {
    query: {
      node: encodeNode(node),
      sql: text,
      scope: undefined,
      dependsOn: [],
      refresh: undefined,
      compare: { ordered: isOrdered, loose: false },
    },
    features: making.features,
  }
}

interface Result {
  readonly query: Query
  readonly isOrdered: boolean
}

function result(making: Making): Result {
  return making.structure.weighted<() => Result>([
    [8, () => plain(making)],
    [3, () => limited(making)],
    [4, () => limitedByShown(making)],
    [4, () => aggregated(making)],
    [3, () => grouped(making)],
    [1, () => distinct(making)],
    [3, () => nested(making)],
    [2, () => united(making)],
    [3, () => common(making)],
    [1.5, () => picked(making)],
    [2.5, () => pickedFurtherIn(making)],
    [1.5, () => memberOfPicked(making)],
    [0.8, () => totals(making)],
  ])()
}

function plain(making: Making): Result {
  const { query, items } = block(making)
  let built = query
  const only = items.length === 1 ? items[0] : undefined
  if (only && making.structure.chance(0.3)) return { query: built.selectAll(only.alias), isOrdered: false }
  const chosen = Array.from({ length: making.structure.between(1, 3) }, () => pick(making, items)!)
  built = selectAll(built, chosen)
  if (making.structure.chance(0.2)) built = built.select(beside(making, items).as('beside'))
  return { query: built, isOrdered: false }
}

/** A subquery in the SELECT list. */
function beside(making: Making, items: readonly Item[]): Loose {
  const { from, item } = baseItem(making, making.structure.pick(making.tables))
  let query: Query = builder.selectFrom(from as Loose)
  const tie = link(making, [item], items)
  if (tie) query = query.where(tie as Loose)
  if (making.structure.chance(0.4)) query = query.where(predicate(making, [item], 0) as Loose)
  const rows = () => ordered(selectAll(query, [pick(making, [item])!]), [item])
  making.tag('subquery in SELECT')
  return making.structure.pick<() => Loose>([
    () => jsonArrayFrom(rows() as Loose),
    () => jsonObjectFrom(rows().limit(1) as Loose),
    () => query.select(eb.fn.countAll().as('n')),
  ])()
}

function limited(making: Making): Result {
  const { query, items } = block(making)
  making.tag('limit')
  const chosen = Array.from({ length: making.structure.between(1, 3) }, () => pick(making, items)!)
  const by = pick(making, items)!
  let built = selectAll(query, chosen).orderBy(reference(...by), making.structure.pick(['asc', 'desc'] as const))
  built = ordered(built, items).limit(making.values.between(1, 4))
  return { query: making.structure.chance(0.2) ? built.offset(making.values.int(3)) : built, isOrdered: true }
}

/** By columns of one item that are also returned: a row of it behind the last one shown plays no part. */
function limitedByShown(making: Making): Result {
  const { structure } = making
  const { query, items } = block(making)
  const item = items.find(({ isKeyed }) => isKeyed)
  if (!item) return limited(making)
  making.tag('limit by what is shown')
  const id = item.columns[0]!
  const chosen = [id, ...structure.sample(item.columns.slice(1), 2)].map((column) => [item, column] as const)
  const direction = () => structure.pick(['asc', 'desc'] as const)
  const by = structure.pick([chosen[1]!, chosen[2]!, chosen[0]!])
  let built = selectAll(query, structure.chance(0.2) ? structure.shuffle(chosen) : chosen)
  built = built.orderBy(reference(...by), direction())
  if (by !== chosen[0]) built = built.orderBy(reference(item, id), direction())
  return { query: built.limit(making.values.between(1, 5)), isOrdered: true }
}

function aggregated(making: Making): Result {
  const { query, items } = block(making)
  making.tag('aggregate without group by')
  const [item] = pick(making, items, 'id')!
  let built = query.select(countOfAll(making).as('n'))
  if (making.structure.chance(0.5))
    built = built.select(eb.fn.sum(`${item.alias}.${item.columns[0]!.name}` as Loose).as('total'))
  if (making.structure.chance(0.2)) built = built.having(eb(eb.fn.countAll(), '>', making.values.int(3)) as Loose)
  if (making.structure.chance(0.25)) built = built.select(freestanding(making).as('beside'))
  return { query: built, isOrdered: false }
}

/** A subquery that the rows around it do not matter to: it is there even over nothing. */
function freestanding(making: Making): Loose {
  const { from, item } = baseItem(making, making.structure.pick(making.tables))
  return builder
    .selectFrom(from as Loose)
    .where(predicate(making, [item], 0) as Loose)
    .select(eb.fn.countAll().as('n'))
}

function grouped(making: Making): Result {
  const { query, items } = block(making)
  making.tag('group by')
  const chosen = outputs(making, items, making.structure.between(1, 2))
  let built = selectAll(query, chosen)
  if (making.structure.chance(0.15)) built = rolledUp(making, built, chosen)
  else for (const [item, column] of chosen) built = built.groupBy(reference(item, column))
  built = built.select(countOfAll(making).as('n'))
  if (making.structure.chance(0.3)) {
    making.tag('having')
    built = built.having(eb(eb.fn.countAll(), '>=', making.values.between(1, 2)) as Loose)
  }
  return { query: built, isOrdered: false }
}

function distinct(making: Making): Result {
  const { query, items } = block(making)
  making.tag('distinct')
  return { query: selectAll(query, outputs(making, items, 2)).distinct(), isOrdered: false }
}

/** Conditions around a derived table, which must not always go inside. */
function nested(making: Making): Result {
  const { query, items } = block(making, 1, derived(making, 2))
  const outer = query.where(predicate(making, items.slice(0, 1), 0) as Loose)
  return { query: selectAll(outer, [pick(making, items)!]), isOrdered: false }
}

function united(making: Making): Result {
  const { structure } = making
  const { query, items } = block(making, 1)
  const chosen = outputs(making, items, structure.between(1, 3))
  const columns = chosen.map(([, { kind }], index): RouteColumn => ({ name: `c${index}`, kind }))
  const operator = structure.pick(['union', 'unionAll', 'unionAll', 'intersect', 'except'] as const)
  making.tag(operator)
  return { query: selectAll(query, chosen)[operator](arm(making, columns)), isOrdered: false }
}

/** A CTE that is read once or twice. */
function common(making: Making): Result {
  const { structure } = making
  const { query, items } = block(making, 1)
  const chosen = outputs(making, items, 3)
  const columns = chosen.map(([, { kind }], index): RouteColumn => ({ name: `c${index}`, kind }))
  const name = making.alias('cte')
  const selected = selectAll(query, chosen)
  const body = structure.chance(0.15) ? ordered(selected, items).limit(structure.between(2, 6)) : selected
  const reading = (): { readonly from: Loose; readonly item: Item } => {
    const alias = making.alias('c')
    const order = columns.map((column) => sql`${sql.id(alias, column.name)}::text`)
    return { from: `${name} as ${alias}`, item: { alias, columns, isKeyed: false, order } }
  }
  making.tag('cte')
  const first = reading()
  const outer = block(making, 1, first)
  let read = outer.query
  const all = [...outer.items]
  if (structure.chance(0.4)) {
    making.tag('cte read twice')
    const second = reading()
    const tie = link(making, [second.item], all) ?? plainTie(all, second.item)
    const kind = structure.pick(['innerJoin', 'leftJoin'] as const)
    read = (read as Loose)[kind](second.from, (join: Loose) => join.on(tie)) as Query
    all.push(second.item)
  }
  let shown = selectAll(read, [pick(making, all)!, pick(making, all)!])
  if (structure.chance(0.3)) {
    making.tag('a CTE that raw SQL names')
    const count = sql<number>`(select count(*) from ${structure.pick([sql.raw(name), sql.id(name), sql.table(name)])})`
    shown = structure.chance(0.6) ? shown.select(count.as('n')) : shown.where(count, '>=', making.values.int(6))
  }
  return { query: withBodies(shown, [[name, body]]), isOrdered: false }
}

/** A window in a derived table, with a filter outside of it. */
function picked(making: Making): Result {
  const { query, items } = block(making, 1)
  const chosen = outputs(making, items, 3)
  const [item, column] = chosen.at(-1)!
  const over = (built: Loose): Loose =>
    items
      .flatMap(({ order }) => order)
      .reduce((sorted, by) => sorted.orderBy(by), built.partitionBy(reference(item, column)))
  const alias = making.alias('w')
  const columns = chosen.map(([, { kind }], index): RouteColumn => ({ name: `c${index}`, kind }))
  const inner = selectAll(query, chosen).select(eb.fn.agg('row_number').over(over).as('position') as Loose)
  making.tag('window in a derived table')
  const outer: Item = { alias, columns, isKeyed: false, order: [] }
  const read: Query = builder
    .selectFrom(inner.as(alias) as Loose)
    .where(`${alias}.position`, '=', making.values.between(1, 2))
    .where(predicate(making, [outer], 0) as Loose)
  return { query: selectAll(read, [pick(making, [outer])!]), isOrdered: false }
}

/**
 * A picks rows, B filters A, and what surrounds both filters B: derived tables, or CTEs. There is little else in it, so
 * that rows are found, and one that takes the place of another is seen.
 */
function pickedFurtherIn(making: Making): Result {
  const { structure } = making
  const areCommon = structure.chance(0.5)
  making.tag(areCommon ? 'rows picked in a CTE of a CTE' : 'rows picked two derived tables in')
  const base = baseItem(making, structure.pick(making.tables))
  const only: Block = { query: builder.selectFrom(base.from as Loose), items: [base.item] }
  const inner = structure.chance(0.7) ? only : block(making, 0)
  const chosen = [...outputs(making, inner.items, 3), pickFew(making, inner.items)]
  const columns = chosen.map(([, { kind }], index): RouteColumn => ({ name: `c${index}`, kind }))
  const bodies: Query[] = []
  const read = (body: Query): { readonly from: Loose; readonly item: Item } => {
    const alias = making.alias('p')
    const order = columns.map(({ name }) => sql`${sql.id(alias, name)}::text`)
    const from = areCommon ? `picked${bodies.push(body)} as ${alias}` : body.as(alias)
    return { from, item: { alias, columns, isKeyed: false, order } }
  }
  const picked = picking(making, inner, chosen)
  const first = read(picked.query)
  let middle: Query = builder.selectFrom(first.from)
  if (picked.isNumbered) middle = middle.where(`${first.item.alias}.position`, '=', 1)
  if (structure.chance(0.3)) middle = middle.where(predicate(making, [first.item], 0) as Loose)
  const second = read(
    selectAll(
      middle,
      columns.map((column) => [first.item, column] as const),
    ),
  )
  const outer: Block = structure.chance(0.6)
    ? { query: builder.selectFrom(second.from), items: [second.item] }
    : block(making, 0, second)
  const [item, column] = pickFew(making, [second.item])
  const query = outer.query.where(eb(reference(item, column), '=', making.parameter(column.kind)))
  const selected = selectAll(query, [[second.item, columns[0]!], pick(making, outer.items)!])
  return {
    query: areCommon
      ? withBodies(
          selected,
          bodies.map((body, index) => [`picked${index + 1}`, body]),
        )
      : selected,
    isOrdered: false,
  }
}

/** The totals among the rows of grouping sets: what is NULL in them is NULL in no row of the table. */
function totals(making: Making): Result {
  const base = baseItem(making, making.structure.pick(making.tables))
  const chosen = [pickFew(making, [base.item]), pick(making, [base.item], 'id')!]
  const selected = selectAll(builder.selectFrom(base.from as Loose), chosen).select(countOfAll(making).as('n'))
  const alias = making.alias('g')
  const [column] = chosen.map(([, { kind }]) => ({ name: 'c0', kind }))
  const item: Item = { alias, columns: [column!], isKeyed: false, order: [] }
  const query: Query = builder
    .selectFrom(rolledUp(making, selected, chosen).as(alias) as Loose)
    .where(`${alias}.c1`, 'is', null)
    .where(eb(reference(item, column!), '=', making.parameter(column!.kind)))
  return { query: query.select([`${alias}.c0`, `${alias}.n`]), isOrdered: false }
}

/** Rows whose column is among those of a few rows of a table, which a derived table or a CTE picks. */
function memberOfPicked(making: Making): Result {
  const { structure } = making
  making.tag('in (… from picked rows)')
  const outer = baseItem(making, structure.pick(making.tables))
  const base = baseItem(making, structure.pick(making.tables))
  const inner: Block = { query: builder.selectFrom(base.from as Loose), items: [base.item] }
  const [left, right] = [outer.item, base.item].map((item) => pick(making, [item], 'id')!)
  const { query, isNumbered } = picking(making, inner, [right!, pickFew(making, inner.items)])
  const alias = making.alias('m')
  const areCommon = structure.chance(0.4)
  let members: Query = builder
    .selectFrom(areCommon ? (`picked as ${alias}` as Loose) : query.as(alias))
    .select(`${alias}.c0`)
  if (isNumbered) members = members.where(`${alias}.position`, '=', 1)
  const [item, column] = pickFew(making, [outer.item])
  const selected = selectAll(builder.selectFrom(outer.from as Loose), [left!, pick(making, [outer.item])!])
    .where(reference(...left!), 'in', members)
    .where(eb(reference(item, column), '=', making.parameter(column.kind)))
  return { query: areCommon ? withBodies(selected, [['picked', query]]) : selected, isOrdered: false }
}

/** A query with CTEs that its blocks already name. */
function withBodies(query: Query, bodies: readonly (readonly [string, Query])[]): Query {
  const creator = bodies.reduce<Loose>((made, [name, body]) => made.with(name, () => body), builder)
  const { with: clause } = creator.selectNoFrom(eb.lit(1).as('one')).toOperationNode()
  return around({ ...(query.toOperationNode() as Loose), with: clause })
}

function around(node: Loose): Query {
  const Builder = builder.selectNoFrom(eb.lit(1).as('one')).constructor as new (props: Loose) => Query
  return new Builder({ queryId: { queryId: 'oracle' }, queryNode: node, executor: builder.getExecutor() })
}
