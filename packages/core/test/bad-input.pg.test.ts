/** Queries that cannot be made live, or stop being so: each a typed error that says what to do, and nobody else is disturbed. */
import { sql, type RawBuilder } from 'kysely'
import { expect, test } from 'vitest'
import {
  MissingObjectError,
  NotASelectError,
  OpaqueFunctionError,
  PermissionDeniedError,
  QueryFailedError,
  QuerySyntaxError,
  UnwatchableRelationError,
  type LiveInput,
  type RealtimeError,
} from '../src/index.js'
import { openShop, type Shop } from './support/shop.js'
import { until } from './support/updates.js'
import type { TestData } from './support/database.js'

const SETUP = `
  create function opaque(int) returns int language plpgsql stable as 'begin return (select count(*) from orders); end';
  create function opaque_sql(int) returns bigint language sql stable as 'select count(*) from orders';
  create materialized view totals as select user_id, count(*) from orders group by 1;
  create sequence counter`

type Row = Record<string, unknown>
type ErrorClass = new (...args: never[]) => RealtimeError

const refused: [string, LiveInput<Row> | ((shop: TestData<Shop>) => LiveInput<Row>), ErrorClass, RegExp][] = [
  ['an INSERT', (shop) => shop.db.insertInto('users').values({ name: 'x' }), NotASelectError, /INSERT.*not live/],
  [
    'an UPDATE with RETURNING',
    (shop) => shop.db.updateTable('users').set({ name: 'x' }).returningAll(),
    NotASelectError,
    /UPDATE.*not live/,
  ],
  ['a DELETE in raw SQL', sql`delete from users`, NotASelectError, /DELETE.*not live/],
  [
    'a data-modifying CTE',
    sql`with x as (delete from users returning id) select * from x`,
    NotASelectError,
    /only reads.*WITH clause writes.*not live/,
  ],
  ['a locking clause', sql`select id from users for update`, NotASelectError, /locks rows.*not live/],
  ['SELECT INTO', sql`select id into other from users`, QuerySyntaxError, /into.*without INTO/s],
  ['DDL', sql`drop table users`, NotASelectError, /DROP.*not live/],
  ['a setting', sql`set search_path = x`, NotASelectError, /SET.*not live/],
  ['COPY', sql`copy users to stdout`, NotASelectError, /COPY.*not live/],
  ['nothing at all', sql` `, NotASelectError, /no statement: write one/],
  ['a syntax error', sql`selekt id from users`, QuerySyntaxError, /selekt.*Correct its text/s],
  ['half a query', sql`select id from users where`, QuerySyntaxError, /syntax.*Correct its text/s],
  ['a missing table', sql`select id from nowhere`, MissingObjectError, /nowhere.*Check the spelling/s],
  ['a missing column', sql`select colour from users`, MissingObjectError, /colour.*Check the spelling/s],
  ['a missing function', sql`select bewitch(id) from users`, MissingObjectError, /bewitch.*Check the spelling/s],
  ['a missing schema', sql`select id from elsewhere.users`, MissingObjectError, /elsewhere.*Check the spelling/s],
  ['a PL/pgSQL function', sql`select opaque(id) from users`, OpaqueFunctionError, /opaque.*dependsOn/s],
  [
    'an SQL function with a string body',
    sql`select opaque_sql(id) from users`,
    OpaqueFunctionError,
    /opaque_sql.*dependsOn/s,
  ],
  ['a materialized view', sql`select * from totals`, UnwatchableRelationError, /totals.*refreshEvery/s],
  ['a system catalog', sql`select relname from pg_class`, UnwatchableRelationError, /pg_class.*refreshEvery/s],
  [
    'a parameter of another type',
    sql`select id from users where id = ${'seven'}`,
    QueryFailedError,
    /seven.*Check the query's parameters/s,
  ],
  [
    'a number out of range',
    sql`select id from users where id = ${99999999999}`,
    QueryFailedError,
    /out of range.*Check the query's parameters/s,
  ],
]

test('each query that cannot be live gets its typed error with the remedy; others go on; no write fails', async () => {
  await using shop = await openShop()
  await shop.run(SETUP)
  await using realtime = shop.engine()
  const sound = realtime.live(shop.db.selectFrom('users').select('name').orderBy('id'))
  await sound.ready
  const outcomes = await Promise.all(
    refused.map(async ([what, input, Class, message]) => {
      const live = realtime.live(typeof input === 'function' ? input(shop) : input, { onError: () => {} })
      const error = (await live.ready.catch((reason: unknown) => reason)) as Error
      const ok = error instanceof Class && message.test(error.message)
      if (live.status === 'pending') live.close()
      return ok ? what : `${what}: ${String(error)}`
    }),
  )
  expect(outcomes).toEqual(refused.map(([what]) => what))
  expect(realtime.size).toBe(1)
  await shop.run(`update users set name = 'Eve' where id = 1; update orders set code = 'x'`)
  await realtime.barrier()
  expect(sound.single).toEqual({ name: 'Eve' })
})

test('a table without the right to read it', async () => {
  await using shop = await openShop()
  const reader = await shop.role()
  await shop.run(`grant select on users to ${reader.name}; grant select (id) on orders to ${reader.name}`)
  const application = shop.application({ pool: reader.login })
  await using realtime = shop.engine({ ...application, installer: { connectionString: shop.connectionString } })
  const { db } = application
  for (const query of [db.selectFrom('items').select('id'), db.selectFrom('orders').select('code')]) {
    const error: unknown = await realtime
      .live<Row>(query, { onError: () => {} })
      .ready.catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(PermissionDeniedError)
    expect((error as Error).message).toMatch(/GRANT SELECT ON/)
  }
  expect(await realtime.live(db.selectFrom('orders').select('id').orderBy('id')).ready).toEqual([{ id: 1 }, { id: 2 }])
})

test('an opaque function works where its tables are declared', async () => {
  await using shop = await openShop()
  await shop.run(SETUP)
  await using realtime = shop.engine()
  const live = realtime.live(sql<{ n: number }>`select opaque(1) as n from users where id = 1`, {
    dependsOn: ['orders'],
  })
  expect(await live.ready).toEqual([{ n: 2 }])
  await shop.run(`delete from orders where id = 1`)
  await realtime.barrier()
  expect(live.single).toEqual({ n: 1 })
  await expect(
    realtime.live(sql`select opaque(1)`, { dependsOn: ['nowhere' as 'orders'] }).ready,
  ).rejects.toMatchObject({ message: expect.stringContaining('nowhere') })
})

test('a materialized view works where the query refreshes every so often', async () => {
  await using shop = await openShop()
  await shop.run(SETUP)
  await using realtime = shop.engine()
  const live = realtime.live(sql<{ count: string }>`select sum(count) as count from totals`, { refreshEvery: 20 })
  expect(await live.ready).toEqual([{ count: '2' }])
  await shop.run(`delete from orders where id = 1; refresh materialized view totals`)
  await until(live, ({ single }) => single?.count === '1')
})

test('a query in a view of tables that the reader may not see works, and follows them', async () => {
  await using shop = await openShop()
  const reader = await shop.role()
  await shop.run(
    `create view public_names as select id, name from users; grant select on public_names to ${reader.name}`,
  )
  const application = shop.application({ pool: reader.login })
  await using realtime = shop.engine({ ...application, installer: { connectionString: shop.connectionString } })
  const live = realtime.live(sql<{ name: string }>`select name from public_names order by id`)
  await live.ready
  await shop.run(`update users set name = 'Eve' where id = 1`)
  await realtime.barrier()
  expect(live.single).toEqual({ name: 'Eve' })
})

test.each<[string, string, string]>([
  ['a dropped column', 'alter table users drop column email', 'alter table users add column email text'],
  ['a renamed table', 'alter table users rename to people', 'alter table people rename to users'],
])('%s while live: told, stale, others go on, and it recovers when it is back', async (_, drop, restore) => {
  await using shop = await openShop()
  await using realtime = shop.engine({ auditMs: 50 })
  const failures: RealtimeError[] = []
  const live = realtime.live(shop.db.selectFrom('users').select(['id', 'name', 'email']).orderBy('id'), {
    onError: (error) => failures.push(error),
  })
  const sound = realtime.live(shop.db.selectFrom('orders').select('code').orderBy('id'))
  const rows = await live.ready
  await sound.ready
  await shop.run(drop)
  await until(live, ({ status }) => status === 'stale')
  expect(failures[0]).toBeInstanceOf(MissingObjectError)
  expect(live.rows).toBe(rows)
  await shop.run(`update orders set code = 'X-1' where id = 1`)
  await until(sound, ({ single, status }) => single?.code === 'X-1' && status === 'live')
  await shop.run(restore)
  await until(live, ({ status }) => status === 'live')
  await shop.run(`update users set email = 'back' where id = 1`)
  await until(live, ({ single }) => single?.email === 'back')
})

test('a table that is dropped while live: told, and others go on', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine({ auditMs: 50 })
  const failures: RealtimeError[] = []
  const live = realtime.live(shop.db.selectFrom('items').select('product').orderBy('id'), {
    onError: (error) => failures.push(error),
  })
  const sound = realtime.live(shop.db.selectFrom('orders').select('code').orderBy('id'))
  await Promise.all([live.ready, sound.ready])
  await shop.run('drop table items')
  await until(live, ({ status }) => status === 'stale')
  expect(failures[0]).toBeInstanceOf(MissingObjectError)
  await shop.run(`update orders set code = 'X-1' where id = 1`)
  await until(sound, ({ single }) => single?.code === 'X-1')
  await shop.run(`create table items (id int primary key, product text); insert into items values (1, 'new')`)
  await until(live, ({ single, status }) => single?.product === 'new' && status === 'live')
  await shop.run(`insert into items values (2, 'newer')`)
  await until(live, ({ rows }) => rows.length === 2)
})

test('options that make no sense are refused, with the reason', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  const users: RawBuilder<Row> = sql`select id from users`
  const reasonOf = (options: object) =>
    realtime.live(users, options).ready.then(String, (error: RealtimeError) => `${error.code} ${error.message}`)
  expect(await reasonOf({ throttleMs: -1 })).toMatch(/INVALID_OPTION.*throttleMs/)
  expect(await reasonOf({ throttleMs: Number.NaN })).toMatch(/INVALID_OPTION.*throttleMs/)
  expect(await reasonOf({ refreshEvery: 0 })).toMatch(/INVALID_OPTION.*refreshEvery/)
  expect(await reasonOf({ refresh: 'always' })).toMatch(/INVALID_OPTION.*refresh/)
  expect(await reasonOf({ scope: { role: '' } })).toMatch(/INVALID_OPTION.*role/)
  expect(() => shop.engine({ safetyPollMs: 60_000 })).toThrow(/at most 5000/)
  expect(() => shop.engine({ schema: '' })).toThrow(/schema/)
  expect(realtime.size).toBe(0)
})
