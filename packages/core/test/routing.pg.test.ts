/** Which live queries of one shape a change refreshes: those that it can affect, and no others. */
import { sql, type Compilable } from 'kysely'
import { jsonArrayFrom } from 'kysely/helpers/postgres'
import { describe, expect, test } from 'vitest'
import { openShop, type Shop } from './support/shop.js'
import type { TestData } from './support/database.js'
import { recordRefreshes, refreshesOf } from './support/updates.js'

type Data = TestData<Shop>
type Query = (shop: Data, n: number) => Compilable<object>

/** Users 1 to 4, each with an order of the same number, and an item in it. */
async function openFour(): Promise<Data> {
  const shop = await openShop()
  await shop.run(`insert into users (name) values ('Cy'), ('Di'); insert into orders (user_id, code) values (3, 'C-1'), (4, 'D-1');
    insert into items (order_id, product) values (3, 'cherry'), (4, 'date')`)
  return shop
}

/** The parameters of the instances that a change refreshes, of four with the parameters 1 to 4. */
async function refreshedBy(query: Query, change: string): Promise<readonly unknown[]> {
  await using shop = await openFour()
  await using realtime = shop.engine()
  const lives = [1, 2, 3, 4].map((n) => realtime.live(query(shop, n)))
  await Promise.all(lives.map((live) => live.ready))
  await realtime.barrier()
  const refreshes = recordRefreshes(realtime)
  await shop.run(change)
  await realtime.barrier()
  for (const live of lives) {
    const { sql: text, parameters } = live.explain()
    expect(live.rows).toEqual(await shop.run(text, [...parameters]))
  }
  expect(realtime.errors.map(String)).toEqual([])
  return refreshes.map(({ parameters }) => parameters[0]).toSorted((a, b) => Number(a) - Number(b))
}

const ordersOf: Query = ({ db }, n) =>
  db.selectFrom('orders').select(['id', 'code']).where('user_id', '=', n).orderBy('id')

describe('by the values of the changed row', () => {
  test.each<[string, Query, string, unknown[]]>([
    ['an insert', ordersOf, `insert into orders (user_id, code) values (2, 'X')`, [2]],
    ['a delete', ordersOf, 'delete from orders where user_id = 3', [3]],
    ['a row that moves from one to another', ordersOf, 'update orders set user_id = 1 where user_id = 4', [1, 4]],
    [
      'a row of nobody',
      ordersOf,
      `insert into users (id, name) values (9, 'Nobody'); insert into orders (user_id, code) values (9, 'X')`,
      [],
    ],
    [
      'a list',
      ({ db }, n) =>
        db
          .selectFrom('orders')
          .select('code')
          .where('user_id', 'in', [n, n + 1]),
      `update orders set code = 'X' where user_id = 3`,
      [2, 3],
    ],
    [
      'an array',
      ({ db }, n) =>
        db
          .selectFrom('orders')
          .select('code')
          .where('user_id', '=', sql<number>`any(${[n, 2]})`)
          .where('id', '=', n),
      `update orders set code = 'X' where id = 1`,
      [[1, 2]],
    ],
    [
      'a range',
      ({ db }, n) => db.selectFrom('orders').select('code').where('user_id', '>', n),
      `update orders set code = 'X' where user_id = 3`,
      [1, 2],
    ],
    [
      'a value and a constant',
      ({ db }, n) =>
        db.selectFrom('orders').select('code').where('user_id', '=', n).where(sql.ref('status'), '=', sql.lit('paid')),
      `update orders set code = 'X'`,
      [],
    ],
    [
      'an inner join on the compared column',
      ({ db }, n) =>
        db
          .selectFrom('users')
          .innerJoin('orders', 'orders.user_id', 'users.id')
          .select('orders.code')
          .where('users.id', '=', n),
      `update orders set code = 'X' where id = 2`,
      [2],
    ],
  ])('%s', async (_, query, change, expected) => {
    expect(await refreshedBy(query, change)).toEqual(expected)
  })
})

describe('by what the changed row is joined with', () => {
  const itemsOf: Query = ({ db }, n) =>
    db
      .selectFrom('items as i')
      .innerJoin('orders as o', 'o.id', 'i.order_id')
      .select('i.product')
      .where('o.user_id', '=', n)
  const json: Query = ({ db }, n) =>
    db
      .selectFrom('orders as o')
      .select((eb) => [
        'o.id',
        jsonArrayFrom(eb.selectFrom('items as i').select('i.product').whereRef('i.order_id', '=', 'o.id')).as('items'),
      ])
      .where('o.user_id', '=', n)
  const derived: Query = ({ db }, n) =>
    db
      .selectFrom((eb) =>
        eb
          .selectFrom('items')
          .innerJoin('orders', 'orders.id', 'items.order_id')
          .select(['orders.user_id', 'product'])
          .as('d'),
      )
      .select('d.product')
      .where('d.user_id', '=', n)
  const total: Query = ({ db }, n) =>
    db
      .selectFrom('items as i')
      .innerJoin('orders as o', 'o.id', 'i.order_id')
      .select((eb) => eb.fn.count('i.id').as('count'))
      .where('o.user_id', '=', n)
  const exists: Query = ({ db }, n) =>
    db
      .selectFrom('orders as o')
      .select('o.code')
      .where('o.user_id', '=', n)
      .where((eb) => eb.exists(eb.selectFrom('items as i').select('i.id').whereRef('i.order_id', '=', 'o.id')))
  const notExists: Query = ({ db }, n) =>
    db
      .selectFrom('orders as o')
      .select('o.code')
      .where('o.user_id', '=', n)
      .where((eb) => eb.not(eb.exists(eb.selectFrom('items as i').select('i.id').whereRef('i.order_id', '=', 'o.id'))))
  const leftJoin: Query = ({ db }, n) =>
    db
      .selectFrom('orders as o')
      .leftJoin('items as i', 'i.order_id', 'o.id')
      .select(['o.code', 'i.product'])
      .where('o.user_id', '=', n)

  test.each<[string, Query, string, unknown[]]>([
    ['an update', itemsOf, `update items set product = 'X' where id = 2`, [2]],
    ['an insert', itemsOf, `insert into items (order_id, product) values (3, 'X')`, [3]],
    ['a delete together with what it was joined with', itemsOf, 'delete from orders where id = 4', [4]],
    [
      'both sides move at once',
      itemsOf,
      'update items set order_id = 1 where order_id = 2; update orders set user_id = 3 where id = 1',
      [1, 2, 3],
    ],
    ['a subquery as JSON', json, `update items set product = 'X' where id = 2`, [2]],
    ['through a derived table', derived, `update items set product = 'X' where id = 3`, [3]],
    ['an aggregate', total, 'delete from items where id = 1', [1]],
    ['EXISTS', exists, 'delete from items where id = 1', [1]],
    ['NOT EXISTS', notExists, 'delete from items where id = 2', [2]],
    ['LEFT JOIN', leftJoin, 'delete from items where id = 2', [2]],
  ])('%s', async (_, query, change, expected) => {
    expect(await refreshedBy(query, change)).toEqual(expected)
  })
})

test('a row behind the last one that a LIMIT shows refreshes nothing', async () => {
  await using shop = await openFour()
  await using realtime = shop.engine()
  const live = realtime.live(shop.db.selectFrom('orders').select(['id', 'code']).orderBy('id', 'desc').limit(2))
  await live.ready
  await realtime.barrier()
  const refreshes = recordRefreshes(realtime)
  await shop.run(`update orders set code = 'behind' where id = 1; delete from orders where id = 2`)
  await realtime.barrier()
  expect(refreshes).toHaveLength(0)
  await shop.run('delete from orders where id = 4')
  await realtime.barrier()
  expect(live.rows).toEqual([
    { id: 3, code: 'C-1' },
    { id: 1, code: 'behind' },
  ])
})

test('with fewer rows than the LIMIT, any row may join them', async () => {
  await using shop = await openFour()
  await using realtime = shop.engine()
  const live = realtime.live(shop.db.selectFrom('orders').select('id').orderBy('id').limit(5))
  await live.ready
  await shop.run(`insert into orders (user_id, code) values (1, 'X')`)
  await realtime.barrier()
  expect(live.rows).toHaveLength(5)
})

test('explain says how changes of each table find the query, and why nothing narrower holds', async () => {
  await using shop = await openFour()
  await using realtime = shop.engine()
  const live = realtime.live(
    shop.db
      .selectFrom('items as i')
      .innerJoin('orders as o', 'o.id', 'i.order_id')
      .select('i.product')
      .where('o.user_id', '=', 1)
      .where('o.status', '=', sql.lit('pending')),
  )
  const raw = realtime.live(sql`select id from users where id = 1`)
  await Promise.all([live.ready, raw.ready])
  expect(live.explain().routes).toEqual([
    { table: 'items', alias: 'i', by: 'join', on: ['o.user_id = $1'], because: undefined },
    { table: 'orders', alias: 'o', by: 'values', on: ['o.user_id = $1', 'o.status = "pending"'], because: undefined },
  ])
  expect(raw.explain().routes).toMatchObject([{ table: 'users', by: 'every', because: 'the query is raw SQL' }])
})

test('where the engine’s own role may not see all rows, every instance is refreshed', async () => {
  await using shop = await openFour()
  const role = await shop.role()
  await shop.run(`
    grant create on database ${shop.name} to ${role.name};
    alter table users owner to ${role.name}; alter table orders owner to ${role.name}; alter table items owner to ${role.name};
    alter table orders enable row level security; alter table orders force row level security;
    create policy none on orders using (false)`)
  const { hostname: host, port } = new URL(shop.connectionString)
  const listen = { host, port: Number(port), database: shop.name, ...role.login }
  await using realtime = shop.engine({ listen })
  const query = (n: number) =>
    shop.db
      .selectFrom('items as i')
      .innerJoin('orders as o', 'o.id', 'i.order_id')
      .select('i.product')
      .where('o.user_id', '=', n)
  const lives = [1, 2].map((n) => realtime.live(query(n)))
  await Promise.all(lives.map((live) => live.ready))
  await shop.run(`update items set product = 'X' where id = 1`)
  await realtime.barrier()
  expect(lives[0]!.rows).toEqual([{ product: 'X' }])
  expect(lives.map(refreshesOf)).toEqual([2, 2])
})
