/** Tables with names, widths and values that nobody should have, and somebody has. */
import { sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import { openDatabase } from './support/database.js'
import { openShop } from './support/shop.js'
import { until } from './support/updates.js'

type Anything = Record<string, Record<string, unknown>>

describe('a table with the name', () => {
  test.each([
    'we"ird; drop table x;--',
    'x'.repeat(63),
    `${'é'.repeat(31)}x`,
    '表😀',
    'select',
    `it's`,
    'back\\slash',
    'with space',
    '$1',
    'a.b',
    'UPPER',
    '%s',
  ])('%s', async (name) => {
    const quoted = `"${name.replaceAll('"', '""')}"`
    await using data = await openDatabase<Anything>(
      `create table x (id int); create table ${quoted} (id int primary key, ${quoted} text)`,
    )
    await using realtime = data.engine()
    const live = realtime.live(sql<Record<string, unknown>>`select * from ${sql.id(name)}`)
    await live.ready
    expect(live.explain().tables).toEqual([{ table: name, columns: expect.anything() }])
    await data.run(`insert into ${quoted} values (1, 'one')`)
    await realtime.barrier()
    expect(live.rows).toEqual([{ id: 1, [name]: 'one' }])
    await data.run(`update ${quoted} set ${quoted} = 'two'`)
    await realtime.barrier()
    expect(live.rows).toEqual([{ id: 1, [name]: 'two' }])
    await data.run(`truncate ${quoted}`)
    await realtime.barrier()
    expect(live.rows).toEqual([])
    await realtime.stop()
    await realtime.uninstall()
    expect(await data.run(`select tgname from pg_trigger where not tgisinternal`)).toEqual([])
  })
})

test('a schema with such a name', async () => {
  await using data = await openDatabase<Anything>(`create schema "a"";b"; create table "a"";b".things (id int)`)
  await using realtime = data.engine()
  const live = realtime.live(sql<{ id: number }>`select id from "a"";b".things`)
  await live.ready
  await data.run(`insert into "a"";b".things values (1)`)
  await realtime.barrier()
  expect(live.rows).toEqual([{ id: 1 }])
})

test('a table of 1,600 columns', async () => {
  const columns = Array.from({ length: 1_600 }, (_, n) => `c${n}`)
  await using data = await openDatabase<Anything>(
    `create table wide (${columns.map((name) => `${name} int`).join()}); insert into wide values (${columns.map(() => 1).join()})`,
  )
  await using realtime = data.engine()
  const all = realtime.live(data.db.selectFrom('wide').selectAll())
  const last = realtime.live(data.db.selectFrom('wide').select('c1599'))
  await Promise.all([all.ready, last.ready])
  await data.run('update wide set c0 = 2')
  await realtime.barrier()
  expect(all.single).toMatchObject({ c0: 2, c1599: 1 })
  await data.run('update wide set c1599 = 3')
  await realtime.barrier()
  expect([all.single?.['c1599'], last.single?.['c1599']]).toEqual([3, 3])
})

test('a table without columns, and one whose columns were dropped', async () => {
  await using data = await openDatabase<Anything>(
    `create table empty (); create table rest (a int, b int, c int); alter table rest drop column b`,
  )
  await using realtime = data.engine()
  const empty = realtime.live(sql<{ count: number }>`select count(*)::int as count from empty`)
  const rest = realtime.live(data.db.selectFrom('rest').selectAll())
  await Promise.all([empty.ready, rest.ready])
  await data.run(`insert into empty default values; insert into rest values (1, 3)`)
  await realtime.barrier()
  expect([empty.single, rest.single]).toEqual([{ count: 1 }, { a: 1, c: 3 }])
})

test('a value of 100 MB: the write succeeds, queries with and without it follow', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  const names = realtime.live(shop.db.selectFrom('users').select(['id', 'name']).orderBy('id'))
  const sizes = realtime.live(sql<{ size: number }>`select octet_length(avatar) as size from users order by id`)
  const asked: ReadonlySet<string>[] = []
  const filtered = realtime.live(shop.db.selectFrom('users').select(['id', 'avatar']).where('id', '>=', 1), {
    refresh: ({ change }) => asked.push(change.hashed) < 0,
  })
  await Promise.all([names, sizes, filtered].map((live) => live.ready))
  await shop.run(`update users set name = 'Eve', avatar = repeat('0123456789', 10 * 1024 * 1024) where id = 1`)
  await until(names, ({ single }) => single?.name === 'Eve')
  await realtime.barrier()
  expect(sizes.single).toEqual({ size: 104_857_600 })
  expect(asked).toEqual([new Set(['avatar'])])
  await shop.run(`update users set name = 'Mallory' where id = 1`)
  await realtime.barrier()
  expect(names.single).toMatchObject({ name: 'Mallory' })
  const whole = realtime.live(shop.db.selectFrom('users').select('avatar').where('id', '=', 1))
  expect((await whole.ready)[0]!.avatar).toHaveLength(104_857_600)
  expect(realtime.errors.map(String)).toEqual([])
})

test('a search path of the application’s role decides which table is meant', async () => {
  await using data = await openDatabase<Anything>(`create schema tenant; create table tenant.things (id int);
    create table things (id int); insert into tenant.things values (1)`)
  const role = await data.role('superuser')
  await data.run(`alter role ${role.name} set search_path = tenant, public`)
  const application = data.application({ pool: role.login })
  await using realtime = data.engine(application)
  const live = realtime.live(application.db.selectFrom('things').select('id'))
  expect(await live.ready).toEqual([{ id: 1 }])
  expect(live.explain().tables).toMatchObject([{ table: 'tenant.things' }])
  await data.run('insert into tenant.things values (2)')
  await realtime.barrier()
  expect(live.rows).toHaveLength(2)
})
