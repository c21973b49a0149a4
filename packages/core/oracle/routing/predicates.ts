import { sql } from 'kysely'
import { builder, eb, type Expr, type Loose, type Query } from '../query/kysely.js'
import type { KindName, RouteColumn } from './columns.js'
import { baseItem, pick, reference, type Item, type Making } from './shape.js'

/** Conditions of one block: mostly those that routing looks instances up by, and among them what it must not believe. */
export function predicate(making: Making, items: readonly Item[], depth: number): Expr {
  const { structure } = making
  const made = structure.weighted<() => Expr | undefined>([
    [14, () => equality(making, items)],
    [3, () => list(making, items)],
    [2, () => range(making, items)],
    [2, () => constant(making, items)],
    [1, () => nullness(making, items)],
    [1, () => link(making, items)],
    [depth > 0 ? 1.2 : 0, () => either(making, items, depth)],
    [depth > 0 ? 1 : 0, () => negated(making, items, depth)],
    [depth > 0 ? 3 : 0, () => existence(making, items, depth)],
    [depth > 0 ? 2 : 0, () => membership(making, items, depth)],
    [depth > 0 ? 1 : 0, () => counted(making, items, depth)],
    [0.7, () => unusual(making, items)],
  ])()
  return made ?? equality(making, items)
}

function any(making: Making, items: readonly Item[]): readonly [Item, RouteColumn] {
  return pick(making, items) as readonly [Item, RouteColumn]
}

function equality(making: Making, items: readonly Item[]): Expr {
  const [item, column] = any(making, items)
  making.tag('column = parameter')
  const left = reference(item, column)
  const value = making.parameter(column.kind)
  return making.structure.chance(0.1) ? eb(eb.val(value), '=', left) : eb(left, '=', value)
}

function list(making: Making, items: readonly Item[]): Expr {
  const [item, column] = any(making, items)
  const left = reference(item, column)
  const count = making.structure.between(1, 3)
  const values = () => Array.from({ length: count }, () => making.parameter(column.kind))
  if (making.structure.chance(0.5)) {
    making.tag('in (…)')
    return eb(left, 'in', values())
  }
  making.tag('= any(array)')
  // The length of an array is part of the parameter, not of the shape.
  const array = Array.from({ length: making.values.int(4) }, () => asText(making.parameter(column.kind)))
  return eb(left, '=', sql`any(${making.values.chance(0.05) ? null : array})`)
}

function asText(value: unknown): unknown {
  if (value instanceof Date) return value.toISOString()
  return typeof value === 'bigint' || typeof value === 'number' ? String(value) : value
}

const ORDERED = new Set<KindName>(['id', 'group', 'big', 'number', 'text', 'moment', 'status'])

function range(making: Making, items: readonly Item[]): Expr {
  const [item, column] = any(making, items)
  if (!ORDERED.has(column.kind)) return equality(making, items)
  making.tag('range')
  const left = reference(item, column)
  if (making.structure.chance(0.25))
    return eb.between(left, making.parameter(column.kind), making.parameter(column.kind))
  return eb(left, making.structure.pick(['<', '<=', '>', '>=', '<>']), making.parameter(column.kind))
}

function constant(making: Making, items: readonly Item[]): Expr {
  const [item, column] = any(making, items)
  making.tag('constant')
  const operator = making.structure.pick(['=', '=', '=', '<>', '>'] as const)
  const isSpecial = column.kind === 'flag' || column.kind === 'uuid' || column.kind === 'short'
  return eb(reference(item, column), operator === '>' && isSpecial ? '=' : operator, making.literal(column.kind))
}

function nullness(making: Making, items: readonly Item[]): Expr {
  const [item, column] = any(making, items)
  making.tag('is null')
  return eb(reference(item, column), making.structure.pick(['is', 'is', 'is not'] as const), null)
}

/** Two columns of a kind that compare with each other. */
export function link(making: Making, items: readonly Item[], others = items): Expr | undefined {
  const [item, column] = any(making, items)
  const other = pick(
    making,
    others.filter(({ alias }) => alias !== item.alias),
    column.kind,
  )
  if (!other) return undefined
  making.tag('column = column')
  const operator = making.structure.weighted([
    [12, '='],
    [1, '<>'],
    [1, '<'],
  ] as const)
  return eb(reference(item, column), ORDERED.has(column.kind) ? operator : '=', reference(...other))
}

function either(making: Making, items: readonly Item[], depth: number): Expr {
  making.tag('or')
  return eb.or([predicate(making, items, depth - 1), predicate(making, items, 0)] as Loose)
}

function negated(making: Making, items: readonly Item[], depth: number): Expr {
  making.tag('not')
  return eb.not(eb.parens(predicate(making, items, depth - 1) as Loose))
}

/** A block that reads one or two tables and is tied to `outer`, most of the time. */
function related(making: Making, outer: readonly Item[], depth: number): { query: Query; items: readonly Item[] } {
  const { structure } = making
  const { from, item } = baseItem(making, structure.pick(making.tables))
  let query: Query = builder.selectFrom(from as Loose)
  const items = [item]
  if (structure.chance(0.3)) {
    const second = baseItem(making, structure.pick(making.tables))
    const kind = structure.pick(['innerJoin', 'innerJoin', 'leftJoin'] as const)
    const on = link(making, [second.item], items) ?? predicate(making, [item, second.item], 0)
    query = (query as Loose)[kind](second.from, (join: Loose) => join.on(on)) as Query
    items.push(second.item)
  }
  const tie = structure.chance(0.85) ? link(making, items, outer) : undefined
  if (tie) query = query.where(tie as Loose)
  if (!tie || structure.chance(0.7)) query = query.where(predicate(making, items, depth - 1) as Loose)
  return { query, items }
}

function existence(making: Making, items: readonly Item[], depth: number): Expr {
  const { query, items: inner } = related(making, items, depth)
  const isUngrouped = making.structure.chance(0.07)
  const selected = isUngrouped
    ? query.select(countOfAll(making).as('n'))
    : query.select(eb.ref(`${inner[0]!.alias}.id`).as('x'))
  const exists = eb.exists(selected)
  if (making.structure.chance(0.65)) {
    making.tag('exists')
    return exists
  }
  making.tag('not exists')
  return eb.not(exists)
}

/** count(*), by a name that stands in the query in one way or another. */
export function countOfAll(making: Making): Loose {
  const name = making.structure.weighted<() => Loose>([
    [6, () => undefined],
    [1, () => sql.raw('count')],
    [1, () => sql.id('count')],
    [1, () => sql.id('pg_catalog', 'count')],
  ])()
  if (name === undefined) return eb.fn.countAll()
  making.tag('the name of a function as a node')
  return sql<number>`${name}(*)`
}

function membership(making: Making, items: readonly Item[], depth: number): Expr | undefined {
  const { query, items: inner } = related(making, items, depth)
  const [item, column] = any(making, inner)
  const left = pick(making, items, column.kind)
  if (!left) return undefined
  let selected = query.select(reference(item, column).as('x'))
  if (making.structure.chance(0.2)) {
    making.tag('in (… limit)')
    selected = inner
      .flatMap(({ order }) => order)
      .reduce<Query>((built, by) => built.orderBy(by as Loose), selected)
      .limit(3)
    if (making.structure.chance(0.5)) {
      making.tag('in (… from (… limit))')
      const alias = making.alias('m')
      selected = builder.selectFrom(selected.as(alias)).select(`${alias}.x`)
    }
  }
  const operator = making.structure.weighted([
    [7, 'in'],
    [3, 'not in'],
  ] as const)
  making.tag(`${operator} (select)`)
  return eb(reference(...left), operator, selected)
}

/** A number of related rows, which is zero where there are none. */
function counted(making: Making, items: readonly Item[], depth: number): Expr {
  const { query } = related(making, items, depth)
  making.tag('scalar subquery')
  return eb(
    eb.val(making.values.int(3)),
    making.structure.pick(['=', '<='] as const),
    query.select(eb.fn.countAll().as('n')) as Loose,
  )
}

/** What looks like an equality and says less. */
function unusual(making: Making, items: readonly Item[]): Expr {
  const [item, column] = any(making, items)
  const left = reference(item, column)
  const value = eb.val(making.parameter(column.kind))
  making.tag('no plain equality')
  return making.structure.pick<() => Expr>([
    () => sql`${left} is not distinct from ${value}`,
    () => eb(eb.fn.coalesce(left, making.literal(column.kind) as Loose), '=', value as Loose),
    () => sql`(${left} = ${value}) is not true`,
    () => sql`case when ${left} is null then true else ${left} = ${value} end`,
    () => sql`${left} = ${value}`,
  ])()
}
