/** What must never break an application's write, nor lose a change. */
import { sql } from 'kysely'
import { expect, test, vi } from 'vitest'
import type { RealtimeError } from '../src/index.js'
import { openDatabase, type TestData } from './support/database.js'
import { openShop } from './support/shop.js'
import { Tap } from './support/tap.js'
import { nextUpdate } from './support/updates.js'

interface Numbers {
  numbers: { id: number; value: number }
}

const NUMBERS = `create table numbers (id int primary key, value int);
  insert into numbers select n, 0 from generate_series(1, 20000) n`

/** The change log's own tables, whatever they are called. */
const logTables = <DB>(data: TestData<DB>) =>
  data.run<{ name: string }>(
    `select oid::regclass::text as name from pg_class where relnamespace = '_pg_realtime'::regnamespace
      and relkind = 'r' and relpersistence = 'u' and relname like 'log%' order by 1`,
  )

const sumOf = (data: TestData<Numbers>) =>
  data.db.selectFrom('numbers').select((eb) => eb.fn.sum<string>('value').as('sum'))

test('fault 23: an UPDATE of 20,000 rows leaves one bulk entry in the log, and arrives', async () => {
  await using data = await openDatabase<Numbers>(NUMBERS)
  const tap = new Tap()
  await using realtime = data.engine({}, { source: tap.source })
  const live = realtime.live(sumOf(data))
  await live.ready
  await realtime.settle()
  await data.run('update numbers set value = 1')
  const entries = await Promise.all(
    (await logTables(data)).map(({ name }) => data.run(`select from ${name} where command <> 'INSTALL'`)),
  )
  expect(entries.flat()).toHaveLength(1)
  await realtime.barrier()
  expect(tap.changes).toMatchObject([{ kind: 'bulk' }])
  expect(live.single).toEqual({ sum: '20000' })
})

test('fault 06: of 20,000 rows changed by one statement, or by as many, none is lost', async () => {
  await using data = await openDatabase<Numbers>(NUMBERS)
  await using realtime = data.engine()
  const live = realtime.live(sumOf(data))
  await live.ready
  await data.run('update numbers set value = 1')
  await realtime.barrier()
  expect(live.single).toEqual({ sum: '20000' })
  const changed = nextUpdate(live)
  await data.run(`do $$ begin for n in 1..20000 loop update numbers set value = 2 where id = n; end loop; end $$`)
  expect((await changed).rows).toEqual([{ sum: '40000' }])
  await data.run('update numbers set value = 3 where id = 1')
  await realtime.barrier()
  expect(live.single).toEqual({ sum: '40001' })
})

test('fault 09: a writer may have an empty search_path', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  const live = realtime.live(shop.db.selectFrom('users').select('name').orderBy('id'))
  await live.ready
  await shop.run(`set search_path = ''; update public.users set name = 'Eve' where id = 1; reset search_path`)
  await realtime.barrier()
  expect(live.single).toEqual({ name: 'Eve' })
})

test('a writer cannot lead the trigger to functions of its own', async () => {
  await using shop = await openShop()
  const attacker = await shop.role()
  await shop.run(`create schema trap authorization ${attacker.name}; grant update, select on users to ${attacker.name}`)
  await using realtime = shop.engine()
  const live = realtime.live(shop.db.selectFrom('users').select('name').orderBy('id'))
  await live.ready
  const client = await shop.connect(attacker.login)
  await client.query(`create table trap.ran_as (role text)`)
  for (const name of [
    'left(text, int)',
    'now()',
    'clock_timestamp()',
    'array_position(text[], text)',
    'octet_length(text)',
  ]) {
    const result = /clock|now/.test(name) ? 'timestamptz' : /left/.test(name) ? 'text' : 'int'
    await client.query(`create function trap.${name} returns ${result} language plpgsql as
      $$ begin insert into trap.ran_as values (current_user); return null; end $$`)
  }
  await client.query(`set search_path = trap, pg_catalog, public; update public.users set name = 'Eve' where id = 1`)
  expect((await client.query('select * from trap.ran_as')).rows).toEqual([])
  await realtime.barrier()
  expect(live.single).toEqual({ name: 'Eve' })
})

test('parity 44, parity 45: a trigger that fails never aborts the write, and is reported', async () => {
  await using shop = await openShop()
  const errors: RealtimeError[] = []
  await using realtime = shop.engine({ auditMs: 50, onError: (error) => errors.push(error) })
  const live = realtime.live(shop.db.selectFrom('users').select('name').orderBy('id'))
  await live.ready
  for (const { name } of await logTables(shop))
    await shop.run(`alter table ${name} rename to "hidden ${name.slice(-5)}"`)
  await shop.run(`update users set name = 'Eve' where id = 1`)
  await vi.waitFor(() => expect(live.single).toEqual({ name: 'Eve' }))
  expect(errors.map(({ code }) => code)).toContain('CAPTURE_FAILED')
  await shop.run(`update users set name = 'Mallory' where id = 1`)
  await vi.waitFor(() => expect(live.single).toEqual({ name: 'Mallory' }))
})

test('parity 44: a schema of the engine that is dropped under it does not abort writes', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine({ auditMs: 50 })
  const live = realtime.live(shop.db.selectFrom('users').select('name').orderBy('id'))
  await live.ready
  await shop.run('drop schema _pg_realtime cascade')
  await shop.run(`update users set name = 'Eve' where id = 1`)
  await vi.waitFor(() => expect(live.single).toEqual({ name: 'Eve' }))
  await shop.run(`update users set name = 'Mallory' where id = 1`)
  await vi.waitFor(() => expect(live.single).toEqual({ name: 'Mallory' }))
})

test('parity 44: a value that cannot be written as text does not abort the write', async () => {
  await using data = await openDatabase<{ odd: { id: number; sum: number } }>(`
    create table odd (id int primary key, label text, sum int generated always as (id * 2) stored)`)
  await using realtime = data.engine()
  const live = realtime.live(data.db.selectFrom('odd').select(['id', 'sum']).orderBy('id'))
  await live.ready
  // Columns come and go while the engine does not know it yet.
  await data.run(`alter table odd drop column label; insert into odd values (1)`)
  await data.run(
    `alter table odd add column later point, alter column sum drop expression; insert into odd (id, later) values (2, '(1,2)')`,
  )
  await realtime.barrier()
  expect(live.rows.map(({ id }) => id)).toEqual([1, 2])
})

test('fault 13: tables whose names run into each other keep apart, in every length', async () => {
  const long = 'x'.repeat(60)
  type Names = Record<string, { id: number }>
  const tables = ['a_b.c', 'a.b_c', `${long}_1`, `${long}_2`, `${long.slice(0, 30)}${'é'.repeat(16)}`]
  const quoted = tables.map((name) =>
    name
      .split('.')
      .map((part) => `"${part}"`)
      .join('.'),
  )
  await using data = await openDatabase<Names>(
    `create schema a_b; create schema a; ${quoted.map((name) => `create table ${name} (id int)`).join(';')}`,
  )
  await using realtime = data.engine()
  const lives = tables.map((name) => realtime.live(data.db.selectFrom(name).select('id')))
  await Promise.all(lives.map((live) => live.ready))
  for (const [index, name] of quoted.entries()) {
    await data.run(`insert into ${name} values (${index})`)
    await realtime.barrier()
    expect(lives.map((live) => live.rows.length)).toEqual(tables.map((_, other) => (other <= index ? 1 : 0)))
  }
})

test('fault 22: a bytea that stays the same is no change', async () => {
  await using data = await openDatabase<{ files: { id: number; body: Buffer; name: string } }>(
    `create table files (id int, body bytea, name text); insert into files values (1, '\\xdeadbeef', 'a')`,
  )
  await using realtime = data.engine()
  const live = realtime.live(data.db.selectFrom('files').select(['id', 'body']))
  const rows = await live.ready
  await data.run(`update files set body = body, name = 'b'`)
  await data.run(`delete from files; insert into files values (1, '\\xdeadbeef', 'c')`)
  await realtime.barrier()
  expect(live.rows).toBe(rows)
})

test('fault 25: no other role can read a row, neither on a channel nor in a table', async () => {
  await using data = await openDatabase<{ accounts: { id: number; password: string } }>(
    `create table accounts (id int, password text)`,
  )
  const tap = new Tap()
  await using realtime = data.engine({}, { source: tap.source })
  const live = realtime.live(data.db.selectFrom('accounts').selectAll())
  await live.ready
  const spy = await data.connect((await data.role()).login)
  const heard: string[] = []
  spy.on('notification', ({ channel, payload }) => heard.push(`${channel} ${payload ?? ''}`))
  const channels = await tap.control!.query<{ name: string }>('select pg_listening_channels() as name')
  expect(channels.rows).not.toEqual([])
  for (const { name } of channels.rows) await spy.query(`listen "${name}"`)

  // Rings for certain: nobody is awake.
  await vi.waitFor(
    async () => {
      await data.run(`insert into accounts values (1, 'hunter2')`)
      await spy.query('select')
      expect(heard).not.toEqual([])
    },
    { interval: 500 },
  )
  expect(heard.join()).not.toContain('hunter2')
  const relations = await data.run<{ name: string }>(
    `select oid::regclass::text as name from pg_class where relnamespace = '_pg_realtime'::regnamespace and relkind in ('r', 'S', 'v')`,
  )
  expect(relations).not.toEqual([])
  for (const { name } of relations) {
    await expect(spy.query(`select * from ${name}`)).rejects.toMatchObject({ code: '42501' })
  }
  const functions = await data.run<{ call: string }>(
    `select oid::regproc::text as call from pg_proc where pronamespace = '_pg_realtime'::regnamespace and prorettype <> 'trigger'::regtype`,
  )
  for (const { call } of functions) await expect(spy.query(`select ${call}()`)).rejects.toMatchObject({ code: '42501' })
})

test('what is written while no server runs is in the first result of the next one', async () => {
  await using shop = await openShop()
  const users = shop.db.selectFrom('users').select('name').orderBy('id')
  await using first = shop.engine()
  await first.live(users).ready
  await first.stop()
  await shop.run(`update users set name = 'Eve' where id = 1`)
  await using second = shop.engine()
  expect((await second.live(users).ready)[0]).toEqual({ name: 'Eve' })
})

test('a write that is rolled back changes nothing', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  const live = realtime.live(sql<{ count: string }>`select count(*) from users`)
  const rows = await live.ready
  await shop.run(`begin; insert into users (name) values ('Cy'); rollback`)
  await realtime.barrier()
  expect(live.rows).toBe(rows)
})

test('a change shows when its transaction commits, not before, and also if it was prepared', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine({ doorbell: false, safetyPollMs: 50 })
  const live = realtime.live(shop.db.selectFrom('users').select('name').orderBy('id'))
  await live.ready
  await shop.run(`begin; update users set name = 'Eve' where id = 1; prepare transaction 'later ${shop.name}'`)
  await realtime.barrier()
  expect(live.single).toEqual({ name: 'Ada' })
  await shop.run(`commit prepared 'later ${shop.name}'`)
  await vi.waitFor(() => expect(live.single).toEqual({ name: 'Eve' }))
})
