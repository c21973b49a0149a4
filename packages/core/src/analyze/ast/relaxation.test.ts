import { sql, type RawBuilder, type SelectQueryBuilder } from 'kysely'
import { expect, test } from 'vitest'
import { compileOnly, seen, type Shop } from './kysely.fixture.js'

const db = compileOnly()

type Orders = SelectQueryBuilder<Shop, 'orders', { id: number; user_id: number; status: string; total: string }>

const orders = (): Orders => db.selectFrom('orders').select(['id', 'user_id', 'status', 'total'])
const newest = (): Orders => orders().orderBy('placed_at', 'desc').limit(5)

const PICKS: Readonly<Record<string, () => Orders>> = {
  limit: newest,
  offset: () => orders().orderBy('id').offset(1),
  fetch: () => orders().orderBy('placed_at').fetch(1, 'with ties'),
  'distinct on': () => orders().distinctOn('status').orderBy('status').orderBy('placed_at'),
  window: () =>
    orders().select((eb) =>
      eb.fn
        .agg('row_number')
        .over((over) => over.partitionBy('status'))
        .as('rank'),
    ),
  'a window in raw SQL': () => orders().select(sql`rank() over (order by placed_at)`.as('rank')),
  'a limit in raw SQL at the end': () => orders().modifyEnd(sql`limit 5`),
  'a limit in raw SQL in ORDER BY': () => orders().orderBy(sql`placed_at limit 5`),
  'a limit in raw SQL in WHERE': () => orders().where(sql<boolean>`true order by placed_at limit 5`),
  'a limit in a direction': () => orders().orderBy('placed_at', sql`desc limit 5`),
  'distinct on in raw SQL': () => orders().modifyFront(sql`distinct on (status)`),
  'a limit of a whole union': () => orders().union(orders()).orderBy('id').limit(5),
  'a limit of a whole union, given to its last arm': () => orders().union(orders().orderBy('id').limit(5)),
  'a limit of a whole union, given to the last arm of an arm': () => orders().union(orders().union(orders().limit(5))),
  'a limit of a whole union in raw SQL': () => orders().unionAll(sql<never>`select 1, 2, 'a', '3' limit 5`),
}

const names = Object.keys(PICKS)

test.each(names)('a filter outside does not go in where rows are picked: %s', (name) => {
  const query = db.selectFrom(PICKS[name]!().as('d')).select('d.id').where('d.user_id', '=', 1)
  expect(new Set(seen(query))).toEqual(new Set(['orders']))
})

test.each(names)('nor one level deeper: %s', (name) => {
  const inner = db.selectFrom(PICKS[name]!().as('a')).select(['a.id', 'a.user_id']).where('a.total', '>', '1')
  const query = db.selectFrom(inner.as('b')).select('b.id').where('b.user_id', '=', 1)
  expect(new Set(seen(query))).toEqual(new Set(['orders']))
})

test('nor through CTEs', () => {
  const query = db
    .with('a', (qc) =>
      qc.selectFrom('orders').select((eb) => [
        'id',
        'user_id',
        eb.fn
          .agg<number>('row_number')
          .over((over) => over.partitionBy('status').orderBy('placed_at', 'desc'))
          .as('rank'),
      ]),
    )
    .with('b', (qc) => qc.selectFrom('a').select(['a.id', 'a.user_id']).where('a.rank', '=', 1))
    .with('c', (qc) => qc.selectFrom('b').select(['b.id', 'b.user_id']))
    .selectFrom('c')
    .selectAll()
    .where('c.user_id', '=', 2)
  expect(seen(query)).toEqual(['orders'])
})

test('nor through the membership in a subquery', () => {
  const derived = db
    .selectFrom('users')
    .select('name')
    .where('org_id', '=', 1)
    .where('id', 'in', db.selectFrom(newest().as('d')).select('d.user_id'))
  expect(seen(derived)).toEqual(['users: org_id = $1', 'orders'])
  const common = db
    .with('d', () => newest())
    .selectFrom('users')
    .select('name')
    .where('org_id', '=', 1)
    .where('id', 'in', (eb) => eb.selectFrom('d').select('d.user_id'))
  expect(seen(common)).toEqual(['users: org_id = $2', 'orders'])
  const union = db
    .selectFrom('users')
    .select('name')
    .where('org_id', '=', 1)
    .where(
      'id',
      'in',
      db.selectFrom('items').select('id as user_id').union(db.selectFrom('orders').select('user_id').limit(5)),
    )
  expect(seen(union)).toEqual(['users: org_id = $1', 'items', 'orders'])
})

test('nor through the membership in a union that raw SQL limits', () => {
  const query = (raw: RawBuilder<{ user_id: number }>): string[] =>
    seen(
      db
        .selectFrom('users')
        .select('name')
        .where('org_id', '=', 1)
        .where('id', 'in', db.selectFrom('orders').select('user_id').union(raw)),
    )
  expect(query(sql`select 1 limit 5`)).toEqual(['users: org_id = $1', 'orders'])
  expect(query(sql`(select 1 limit 5)`)).toEqual([
    'users: org_id = $1',
    'orders: users.id = orders.user_id, users.org_id = $1',
  ])
})

test('nor out of a lateral join, where what ties it from inside stays', () => {
  const query = db
    .selectFrom('users as u')
    .innerJoinLateral(
      (eb) =>
        eb
          .selectFrom(
            eb
              .selectFrom('orders as o')
              .select(['o.status', 'o.id'])
              .whereRef('o.user_id', '=', 'u.id')
              .orderBy('o.placed_at', 'desc')
              .limit(1)
              .as('l'),
          )
          .select(['l.status', 'l.id'])
          .as('x'),
      (join) => join.onTrue(),
    )
    .select('x.id')
    .where('u.org_id', '=', 1)
    .where('x.status', '=', 'a')
  expect(seen(query)).toEqual([
    'users as u: org_id = $2, o.user_id = u.id, o.status = $3',
    'orders as o: o.user_id = u.id, u.org_id = $2',
  ])
})

test('what stands beside picked rows is still tied to them', () => {
  const inner = db
    .selectFrom(newest().as('a'))
    .innerJoin('items as i', 'i.order_id', 'a.id')
    .select(['i.id', 'a.user_id'])
  const query = db.selectFrom(inner.as('b')).select('b.id').where('b.user_id', '=', 1)
  expect(seen(query)).toEqual(['orders', 'items as i: i.order_id = orders.id, orders.user_id = $2'])
})

test('conditions in front of the picking hold, and so do those of arms that pick for themselves', () => {
  const inside = db
    .selectFrom(newest().where('status', '=', 'a').as('d'))
    .select('d.id')
    .where('d.user_id', '=', 1)
  expect(seen(inside)).toEqual(['orders: status = $1'])
  const arms = db
    .selectFrom(
      orders()
        .union((eb) => eb.parens(newest()))
        .as('d'),
    )
    .select('d.id')
    .where('d.user_id', '=', 1)
  expect(seen(arms)).toEqual(['orders: user_id = $2', 'orders'])
})

test('a filter goes into what only groups, sorts or is distinct', () => {
  for (const made of [
    orders().distinct(),
    orders().orderBy('id'),
    orders().groupBy(['id', 'user_id', 'status', 'total']),
    orders().where(sql<boolean>`note is distinct from 'x'`),
    orders().select(sql`case when note is null then 1 else 2 end`.as('n')),
    orders().modifyFront(sql`/* hint */`),
  ]) {
    const inner = db.selectFrom(made.as('a')).select(['a.id', 'a.user_id'])
    const query = db.selectFrom(inner.as('b')).select('b.id').where('b.user_id', '=', 1)
    expect(seen(query)).toEqual(['orders: user_id = $1'])
  }
})

test('an ON condition does not see the tables before a comma, whose name may be one further out', () => {
  const query = db
    .selectFrom('users as x')
    .select('x.name')
    .where('x.org_id', '=', 1)
    .where((eb) =>
      eb.exists(
        eb
          .selectFrom(['orders as x', 'items as i'])
          .innerJoin('products as p', (join) => join.onRef('p.id', '=', 'x.id').onRef('p.id', '=', 'i.product_id'))
          .select('p.id')
          .where('x.status', '=', 'a'),
      ),
    )
  expect(seen(query)).toEqual(['users as x: org_id = $1', 'orders as x: status = $2', 'items as i', 'products as p'])
})

test('nor those joined later, in a membership either', () => {
  const query = db
    .selectFrom('users as x')
    .select('x.name')
    .where('x.org_id', '=', 1)
    .where((eb) =>
      eb.exists(
        eb
          .selectFrom('items as i')
          .innerJoin('products as p', (join) =>
            join.on('x.id' as never, 'in', db.selectFrom('categories as c').select('c.id') as never),
          )
          .innerJoin('orders as x', (join) => join.onRef('x.id', '=', 'i.order_id'))
          .select('p.id')
          .where('x.status', '=', 'a'),
      ),
    )
  expect(seen(query)).toContain('categories as c: x.id = c.id, x.org_id = $1')
})

test('a name with a schema means the table that has it, however that is written', () => {
  const query = db
    .selectFrom('public.orders' as 'orders')
    .select('orders.id')
    .where('orders.user_id', '=', 1)
    .where((eb) =>
      eb.exists(
        eb
          .selectFrom('orders')
          .innerJoin('items', (join) => join.on(sql.ref('public.orders.id'), '=', sql.ref('items.order_id')))
          .select('items.id'),
      ),
    )
  expect(seen(query)).toEqual(['orders: user_id = $1', 'orders', 'items'])
})
