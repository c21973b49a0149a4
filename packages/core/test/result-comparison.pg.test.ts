/** What counts as a change of the result, and what stays the identical object. */
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { openDatabase } from './support/database.js'
import { openShop } from './support/shop.js'
import { recordUpdates, refreshesOf } from './support/updates.js'

test('unchanged rows are the identical objects, whatever is inserted, moved or removed around them', async () => {
  await using shop = await openShop()
  await shop.run(`insert into users (name) values ('Cy'), ('Di'), ('Ed')`)
  await using realtime = shop.engine()
  const live = realtime.live(shop.db.selectFrom('users').select(['id', 'name']).orderBy('name'))
  const [ada, bob, cy, di, ed] = await live.ready
  await shop.run(`delete from users where name = 'Bob'; insert into users (name) values ('Abe');
    update users set name = 'Zoe' where name = 'Cy'`)
  await realtime.barrier()
  expect(live.rows.map(({ name }) => name)).toEqual(['Abe', 'Ada', 'Di', 'Ed', 'Zoe'])
  for (const row of [ada, di, ed]) expect(live.rows.some((present) => present === row)).toBe(true)
  expect(live.rows).not.toContain(bob)
  expect(live.rows).not.toContain(cy)
})

test('rows and the array are frozen: a subscriber cannot change what the others see', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  const live = realtime.live(shop.db.selectFrom('users').select(['id', 'name']))
  const rows = await live.ready
  expect(() => (rows as unknown[]).push({})).toThrow(TypeError)
  expect(() => Object.assign(rows[0]!, { name: 'Eve' })).toThrow(TypeError)
})

test('without ORDER BY, another order of the same rows is no change', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  const live = realtime.live(shop.db.selectFrom('users').select(['id', 'name']))
  const rows = await live.ready
  await realtime.settle()
  const before = refreshesOf(live)
  // Moves Ada's row behind Bob's on the disk.
  await shop.run(`begin; update users set name = 'x' where id = 1; update users set name = 'Ada' where id = 1; commit`)
  await realtime.barrier()
  expect(refreshesOf(live)).toBe(before + 1)
  expect(live.rows).toBe(rows)
  const { rows: now } = await shop.pool.query('select id from users')
  expect(now).toEqual([{ id: 2 }, { id: 1 }])
})

test('with ORDER BY it is one', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  const live = realtime.live(shop.db.selectFrom('users').select('name').orderBy('score'))
  await live.ready
  await shop.run(`update users set score = 3 - id`)
  await realtime.barrier()
  expect(live.rows).toEqual([{ name: 'Bob' }, { name: 'Ada' }])
  expect(live.explain().lastRefresh).toMatchObject({ changed: true })
})

test('raw SQL may have an ORDER BY: another order is a change', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  const live = realtime.live(sql<{ name: string }>`select name from users order by score`)
  await live.ready
  await shop.run(`update users set score = 3 - id`)
  await realtime.barrier()
  expect(live.rows).toEqual([{ name: 'Bob' }, { name: 'Ada' }])
})

test.each([
  ['bytea', `'\\xdeadbeef'`, `'\\x00'`],
  ['timestamptz', `'2026-01-02 03:04:05.678901+00'`, `'2026-01-02'`],
  ['date', `'2026-01-02'`, `'2027-01-02'`],
  ['json', `'{"b": 1,  "a": [1, 2]}'`, `'{}'`],
  ['jsonb', `'{"b": 1, "a": [1, 2]}'`, `'{}'`],
  ['numeric', `'2.50'`, `'3'`],
  ['float8', `'NaN'`, `'0'`],
  ['int[]', `'{1,2,NULL}'`, `'{}'`],
  ['interval', `'1 mon'`, `'2 mons'`],
])('nothing is emitted when a %s is set to what it was', async (type, value, other) => {
  await using data = await openDatabase<{ things: { id: number; value: unknown } }>(
    `create table things (id int, value ${type}); insert into things values (1, ${value})`,
  )
  await using realtime = data.engine()
  const live = realtime.live(data.db.selectFrom('things').selectAll())
  const rows = await live.ready
  await realtime.settle()
  const updates = recordUpdates(live)
  const before = refreshesOf(live)
  await data.run(`begin; update things set value = ${other}; update things set value = ${value}; commit`)
  await realtime.barrier()
  expect(refreshesOf(live)).toBe(before + 1)
  expect(updates).toEqual([])
  expect(live.rows).toBe(rows)
})

test.each([
  ['numeric', `'2.50'`, `'2.5'`, '2.50', '2.5'],
  ['float8', `'0'`, `'-0'`, 0, -0],
  ['text', `null`, `''`, null, ''],
  ['json', `'{"a":1}'`, `'{"a":1,"a":1}'`, { a: 1 }, { a: 1 }],
])('a %s that reads differently is a change: %s and %s', async (type, before, after, first, second) => {
  await using data = await openDatabase<{ things: { id: number; value: unknown } }>(
    `create table things (id int, value ${type}); insert into things values (1, ${before})`,
  )
  await using realtime = data.engine()
  const live = realtime.live(data.db.selectFrom('things').select('value'))
  expect(await live.ready).toEqual([{ value: first }])
  const updates = recordUpdates(live)
  await data.run(`update things set value = ${after}`)
  await realtime.barrier()
  expect(updates).toHaveLength(1)
  expect(live.rows).toEqual([{ value: second }])
})

test('versions are equal where rows are, and only there', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  const live = realtime.live(shop.db.selectFrom('users').select(['id', 'name']))
  await live.ready
  const first = live.version
  await shop.run(`update users set name = 'Eve' where id = 1`)
  await realtime.barrier()
  const second = live.version
  expect(second).not.toBe(first)
  await shop.run(`update users set name = 'Ada' where id = 1`)
  await realtime.barrier()
  expect(live.version).toBe(first)
})

test('a column that is renamed or retyped changes the rows, though their values look the same', async () => {
  await using data = await openDatabase<Record<string, Record<string, unknown>>>(
    `create table things (id int); insert into things values (1)`,
  )
  await using realtime = data.engine({ auditMs: 50 })
  const live = realtime.live(sql<Record<string, unknown>>`select * from things`)
  await live.ready
  const changed = new Promise<void>((resolve) => live.subscribe(({ rows }) => rows[0]?.['id'] === '1' && resolve()))
  await data.run('alter table things alter column id type text')
  await changed
})

test('an ORDER BY counts wherever it was written', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  const { db } = shop
  const lives = [
    db
      .selectFrom('users')
      .select('id')
      .modifyEnd(sql`order by name`),
    db
      .selectFrom('users')
      .select('id')
      .where(sql<boolean>`true order by name`),
  ].map((query) => realtime.live(query))
  await Promise.all(lives.map(({ ready }) => ready))
  await shop.run(`update users set name = 'Zoe' where name = 'Ada'`)
  await realtime.barrier()
  for (const { rows } of lives) expect(rows).toEqual([{ id: 2 }, { id: 1 }])
})
