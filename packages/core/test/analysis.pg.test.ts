import { sql } from 'kysely'
import { expect, test } from 'vitest'
import type { LiveQuery } from '../src/index.js'
import { openDatabase } from './support/database.js'
import { openShop } from './support/shop.js'
import { refreshesOf, until } from './support/updates.js'

const tablesOf = (live: LiveQuery<unknown>) =>
  Object.fromEntries(live.explain().tables.map(({ table, columns }) => [table, columns]))

test('parity 17: tables and columns of joins, subqueries, other schemas, and parameters anywhere', async () => {
  await using shop = await openShop()
  await shop.run(`create schema audit; create table audit.entries (id int, user_id int, note text);
    insert into audit.entries values (1, 1, 'x')`)
  await using realtime = shop.engine()
  const live = realtime.live(
    shop.db
      .selectFrom('orders as o')
      .innerJoin('users as u', 'u.id', 'o.user_id')
      .select((eb) => [
        'u.name',
        eb
          .selectFrom('items as i')
          .whereRef('i.order_id', '=', 'o.id')
          .where('i.product', 'in', ['apple', 'banana'])
          .select((of) => of.fn.countAll<string>().as('count'))
          .as('fruits'),
      ])
      .where((eb) => eb(eb.fn.coalesce('o.status', eb.val('none')), '=', 'pending'))
      .where(sql<boolean>`exists (select from audit.entries e where e.user_id = u.id)`),
  )
  expect(await live.ready).toEqual([{ name: 'Ada', fruits: '1' }])
  expect(tablesOf(live)).toEqual({
    'audit.entries': ['user_id'],
    items: ['order_id', 'product'],
    orders: ['id', 'status', 'user_id'],
    users: ['id', 'name'],
  })
  await shop.run(
    `update items set product = 'banana' where id = 1; insert into items (order_id, product) values (1, 'apple')`,
  )
  await realtime.barrier()
  expect(live.rows).toEqual([{ name: 'Ada', fruits: '2' }])
  await shop.run('delete from audit.entries')
  await realtime.barrier()
  expect(live.rows).toEqual([])
})

test('parity 18: selecting * tracks every column', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  const live = realtime.live(shop.db.selectFrom('users').selectAll().where('id', '=', 1))
  await live.ready
  for (const column of ['name', 'status', 'email', 'avatar']) {
    await shop.run(`update users set ${column} = 'changed' where id = 1`)
    await realtime.barrier()
    expect(live.single).toHaveProperty(column, 'changed')
  }
})

test('parity 18: a column that is added later appears', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine({ auditMs: 50 })
  const live = realtime.live(sql<Record<string, unknown>>`select * from users where id = 1`)
  await live.ready
  await shop.run(`alter table users add column nickname text default 'x'`)
  await until(live, () => live.single?.['nickname'] === 'x')
  await shop.run(`update users set nickname = 'y'`)
  await until(live, () => live.single?.['nickname'] === 'y')
})

test('parity 19: tables in public go by their name, others by schema and name', async () => {
  await using data = await openDatabase<{ x: { id: number }; 'public.x': { id: number }; 'other.x': { id: number } }>(
    `create table x (id int); create schema other; create table other.x (id int)`,
  )
  await using realtime = data.engine()
  const events: string[] = []
  const inPublic = realtime.live(data.db.selectFrom('public.x').select('id'), {
    refresh: ({ change }) => Boolean(events.push(change.table)),
  })
  const inOther = realtime.live(data.db.selectFrom('other.x').select('id'), {
    refresh: ({ change }) => Boolean(events.push(change.table)),
  })
  await Promise.all([inPublic.ready, inOther.ready])
  await realtime.settle()
  expect([tablesOf(inPublic), tablesOf(inOther)]).toEqual([{ x: ['id'] }, { 'other.x': ['id'] }])
  await data.run('insert into x values (1)')
  await realtime.barrier()
  await data.run('insert into other.x values (2)')
  await realtime.barrier()
  expect(events).toEqual(['x', 'other.x'])
  expect([inPublic.rows, inOther.rows]).toEqual([[{ id: 1 }], [{ id: 2 }]])
})

test('parity 20: a partitioned parent follows its partitions, and reports their changes as its own', async () => {
  await using data = await openDatabase<{ events: { id: number; region: string } }>(`
    create table events (id int, region text) partition by list (region);
    create table events_eu partition of events for values in ('eu');
    create table events_us partition of events for values in ('us');
    create table events_asia (id int, region text);
    insert into events_asia values (9, 'asia')`)
  await using realtime = data.engine({ auditMs: 50 })
  const reported: string[] = []
  const live = realtime.live(data.db.selectFrom('events').selectAll().orderBy('id'), {
    refresh: ({ change }) => Boolean(reported.push(`${change.operation} ${change.table}`)),
  })
  await live.ready
  await realtime.settle()
  const shown = async () => {
    await realtime.barrier()
    return live.rows.map(({ id, region }) => `${id} ${region}`)
  }
  await data.run(`insert into events values (1, 'eu')`)
  expect(await shown()).toEqual(['1 eu'])
  await data.run(`insert into events_us values (2, 'us')`)
  expect(await shown()).toEqual(['1 eu', '2 us'])
  await data.run(`update events set region = 'us' where id = 1`)
  expect(await shown()).toEqual(['1 us', '2 us'])
  await data.run(`delete from events_us where id = 2`)
  expect(await shown()).toEqual(['1 us'])
  await data.run(`alter table events attach partition events_asia for values in ('asia')`)
  await until(live, () => live.rows.length === 2)
  await data.run(`insert into events_asia values (10, 'asia')`)
  expect(await shown()).toEqual(['1 us', '9 asia', '10 asia'])
  await data.run(`alter table events detach partition events_us`)
  await until(live, () => live.rows.length === 2)
  // The row that moved is a delete and an insert to some, and an update to others.
  expect(reported.filter((change) => !/^(insert|update|delete) events$/.test(change))).toEqual([])
  expect(reported.length).toBeGreaterThanOrEqual(5)
})

test('fault 10: inheritance children count as rows of their parent', async () => {
  await using data = await openDatabase<{ animals: { id: number } }>(`
    create table animals (id int); create table cats (lives int) inherits (animals)`)
  await using realtime = data.engine({ auditMs: 50 })
  const live = realtime.live(data.db.selectFrom('animals').select('id').orderBy('id'))
  await live.ready
  await data.run('insert into cats values (1, 9)')
  await realtime.barrier()
  expect(live.rows).toEqual([{ id: 1 }])
  await data.run('update animals set id = 2')
  await realtime.barrier()
  expect(live.rows).toEqual([{ id: 2 }])
  await data.run('create table dogs () inherits (animals); insert into dogs values (3)')
  await until(live, () => live.rows.length === 2)
  await data.run('insert into dogs values (4)')
  await realtime.barrier()
  expect(live.rows).toEqual([{ id: 2 }, { id: 3 }, { id: 4 }])
})

test('fault 11: tables that the role does not own are dependencies like any other', async () => {
  await using shop = await openShop()
  const reader = await shop.role()
  await shop.run(`grant select on users, orders to ${reader.name}`)
  const application = shop.application({ pool: reader.login })
  await using realtime = shop.engine({ ...application, installer: { connectionString: shop.connectionString } })
  const live = realtime.live(
    application.db.selectFrom('orders').innerJoin('users', 'users.id', 'orders.user_id').select(['code', 'name']),
  )
  await live.ready
  expect(tablesOf(live)).toEqual({ orders: ['code', 'user_id'], users: ['id', 'name'] })
  await shop.run(`update users set name = 'Eve' where id = 1`)
  await realtime.barrier()
  expect(live.rows).toContainEqual({ code: 'A-1', name: 'Eve' })
})

test('fault 12: views, also views of views, follow the tables below them', async () => {
  await using shop = await openShop()
  await shop.run(`create view active as select id, name from users where status = 'active';
    create view active_orders as select a.name, o.code from active a join orders o on o.user_id = a.id`)
  await using realtime = shop.engine()
  const live = realtime.live(sql<{ name: string; code: string }>`select name, code from active_orders order by code`)
  expect(await live.ready).toEqual([{ name: 'Ada', code: 'A-1' }])
  await shop.run(`update users set status = 'active' where id = 2`)
  await realtime.barrier()
  expect(live.rows).toEqual([
    { name: 'Ada', code: 'A-1' },
    { name: 'Bob', code: 'B-1' },
  ])
})

test('fault 12: mixed-case names, duplicate output columns, and a sum of parameters', async () => {
  await using shop = await openShop()
  await shop.run(`create table "Mixed" ("Id" int, "Some Name" text); insert into "Mixed" values (1, 'x')`)
  await using realtime = shop.engine()
  const mixed = realtime.live(sql<{ Id: number }>`select "Id", "Some Name" from "Mixed"`)
  const twice = realtime.live(sql<{ id: number }>`select u.id, o.id from users u join orders o on o.user_id = u.id + 0`)
  const sum = realtime.live(sql<{ sum: number }>`select ${1}::int + ${2} as sum from users limit 1`)
  expect(await mixed.ready).toEqual([{ Id: 1, 'Some Name': 'x' }])
  expect(await twice.ready).toEqual([{ id: 1 }, { id: 2 }])
  expect(await sum.ready).toEqual([{ sum: 3 }])
  await shop.run(`update "Mixed" set "Some Name" = 'y'; delete from orders where id = 1; delete from users`)
  await realtime.barrier()
  expect(mixed.rows).toEqual([{ Id: 1, 'Some Name': 'y' }])
  expect([twice.rows, sum.rows]).toEqual([[], []])
})

test('fault 12: a schema whose name ends in “public” stays itself', async () => {
  await using data = await openDatabase<{ 'mypublic.things': { id: number } }>(
    `create schema mypublic; create table mypublic.things (id int); create table things (id int)`,
  )
  await using realtime = data.engine()
  const live = realtime.live(data.db.selectFrom('mypublic.things').select('id'))
  await live.ready
  expect(tablesOf(live)).toEqual({ 'mypublic.things': ['id'] })
  await realtime.settle()
  const before = refreshesOf(live)
  await data.run('insert into things values (1)')
  await realtime.barrier()
  expect(refreshesOf(live)).toBe(before)
  await data.run('insert into mypublic.things values (1)')
  await realtime.barrier()
  expect(live.rows).toEqual([{ id: 1 }])
})
