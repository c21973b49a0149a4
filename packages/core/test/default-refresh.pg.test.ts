/** Which changes refresh a query without a `refresh` option. Every change here but those of the last tests affects the result. */
import { sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import { openShop } from './support/shop.js'
import { refreshesOf } from './support/updates.js'
import { openDatabase } from './support/database.js'

describe('parity 21, fault 03: an INSERT or DELETE refreshes whatever query it can affect', () => {
  test.each([
    ['rows', sql<{ value: unknown }>`select name as value from users`],
    ['count(*)', sql<{ value: unknown }>`select count(*) as value from users`],
    ['exists(select 1)', sql<{ value: unknown }>`select exists (select 1 from users where id > 2) as value`],
    ['row_to_json', sql<{ value: unknown }>`select row_to_json(u) as value from users u`],
    ['a whole row', sql<{ value: unknown }>`select u as value from users u`],
    ['a scalar subquery', sql<{ value: unknown }>`select (select max(id) from users) as value`],
  ])('%s', async (_, query) => {
    await using shop = await openShop()
    await using realtime = shop.engine()
    const live = realtime.live(query)
    const before = await live.ready
    await shop.run(`insert into users (name) values ('Cy')`)
    await realtime.barrier()
    const between = live.rows
    expect(between).not.toEqual(before)
    await shop.run('delete from users where id > 2')
    await realtime.barrier()
    expect(live.rows).toEqual(before)
  })
})

test('parity 21, fault 10: a TRUNCATE refreshes', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  const items = realtime.live(shop.db.selectFrom('items').select('id'))
  const count = realtime.live(sql<{ count: string }>`select count(*) from items`)
  await Promise.all([items.ready, count.ready])
  await shop.run('truncate orders cascade')
  await realtime.barrier()
  expect([items.rows, count.rows]).toEqual([[], [{ count: '0' }]])
})

test('fault 10: changes under session_replication_role = replica are seen', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  const live = realtime.live(shop.db.selectFrom('users').select('name').orderBy('id'))
  await live.ready
  await shop.run(
    `set session_replication_role = replica; update users set name = 'Eve' where id = 1; reset session_replication_role`,
  )
  await realtime.barrier()
  expect(live.single).toEqual({ name: 'Eve' })
})

describe('parity 22: an UPDATE of a used column refreshes, wherever the query uses it', () => {
  test.each([
    [
      'WHERE',
      sql<{ id: number }>`select id from users where status = 'active'`,
      `update users set status = 'active' where id = 2`,
    ],
    [
      'JOIN',
      sql<{ code: string }>`select o.code from orders o join users u on u.email = o.code`,
      `update users set email = 'A-1' where id = 1`,
    ],
    [
      'ORDER BY',
      sql<{ id: number }>`select id from users order by score desc nulls last`,
      `update users set score = 9 where id = 2`,
    ],
    [
      'GROUP BY',
      sql<{ n: string }>`select count(*) as n from users group by avatar`,
      `update users set avatar = 'x' where id = 1`,
    ],
    [
      'HAVING',
      sql<{ id: number }>`select min(id) as id from users having max(score) > 3`,
      `update users set score = 4 where id = 1`,
    ],
    [
      'a window',
      sql<{ rank: string }>`select rank() over (order by score) from users`,
      `update users set score = 1 where id = 1`,
    ],
    [
      'a CTE',
      sql<{ id: number }>`with x as (select id, email from users) select id from x where email = 'e'`,
      `update users set email = 'e'`,
    ],
    [
      'LATERAL',
      sql<{ n: string }>`select n from orders o, lateral (select name as n from users u where u.id = o.user_id) l`,
      `update users set name = 'z'`,
    ],
    [
      'UNION',
      sql<{ v: string }>`select code as v from orders union all select product from items`,
      `update items set product = 'z' where id = 1`,
    ],
    [
      'row_to_json',
      sql<{ v: unknown }>`select row_to_json(u) as v from users u`,
      `update users set avatar = 'z' where id = 1`,
    ],
  ])('%s', async (_, query, change) => {
    await using shop = await openShop()
    await using realtime = shop.engine()
    const live = realtime.live<unknown>(query)
    const before = await live.ready
    await shop.run(change)
    await realtime.barrier()
    expect(live.rows).not.toEqual(before)
    expect(live.rows).toEqual((await query.execute(shop.db)).rows)
  })
})

test('parity 23: an UPDATE of columns that the query does not use does not run it', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  const live = realtime.live(shop.db.selectFrom('users').select(['id', 'name']).where('status', '=', 'active'))
  const count = realtime.live(sql<{ count: string }>`select count(*) from users`)
  await Promise.all([live.ready, count.ready])
  await realtime.settle()
  const before = [refreshesOf(live), refreshesOf(count)]
  await shop.run(`update users set avatar = 'new', email = 'new'`)
  await shop.run(`update orders set code = 'new'`)
  await realtime.barrier()
  expect([refreshesOf(live), refreshesOf(count)]).toEqual(before)
  await shop.run(`update users set status = status`)
  await realtime.barrier()
  expect([refreshesOf(live), refreshesOf(count)]).toEqual(before)
})

test('an upsert refreshes as the INSERT or UPDATE that it turns out to be', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  const live = realtime.live(shop.db.selectFrom('users').select(['id', 'name']).orderBy('id'))
  await live.ready
  const upsert = (id: number, name: string) =>
    shop.run(`insert into users (id, name) values ($1, $2) on conflict (id) do update set name = excluded.name`, [
      id,
      name,
    ])
  await upsert(1, 'Eve')
  await realtime.barrier()
  await upsert(7, 'Zoe')
  await realtime.barrier()
  expect(live.rows.map(({ name }) => name)).toEqual(['Eve', 'Bob', 'Zoe'])
  await realtime.settle()
  const before = refreshesOf(live)
  await shop.run(`insert into users (id, name) values (7, 'Zoe') on conflict do nothing`)
  await realtime.barrier()
  expect(refreshesOf(live)).toBe(before)
})

test('MERGE refreshes', async () => {
  await using data = await openDatabase<{ stock: { id: number; amount: number } }>(
    `create table stock (id int primary key, amount int); insert into stock values (1, 1), (2, 2)`,
  )
  const [version] = await data.run<{ number: number }>(`select current_setting('server_version_num')::int as number`)
  if (version!.number < 150_000) return
  await using realtime = data.engine()
  const live = realtime.live(data.db.selectFrom('stock').selectAll().orderBy('id'))
  await live.ready
  await data.run(`merge into stock s using (values (1, 5), (3, 3), (2, 0)) v (id, amount) on v.id = s.id
    when matched and v.amount = 0 then delete
    when matched then update set amount = v.amount
    when not matched then insert values (v.id, v.amount)`)
  await realtime.barrier()
  expect(live.rows).toEqual([
    { id: 1, amount: 5 },
    { id: 3, amount: 3 },
  ])
})
