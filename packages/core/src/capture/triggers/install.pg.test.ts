import { createDatabase, type TestDatabase } from '@pg-realtime/tooling/postgres'
import type { Client } from 'pg'
import { expect, test } from 'vitest'
import { InstallError, NotInstalledError } from '../../errors.js'
import { systemClock } from '../../util/clock.js'
import { quoteIdentifier } from '../../util/postgres.js'
import { planTable, SourceHarness } from '../source-harness.fixture.js'
import { triggerSource } from './trigger-source.fixture.js'
import { uninstallTriggers } from './uninstall.js'

const options = { clock: systemClock, random: Math.random }

async function triggersOf(client: Client): Promise<string[]> {
  const { rows } = await client.query<{ text: string }>(
    `select tgrelid::regclass || ' ' || tgname || ' ' || tgenabled::text as text from pg_trigger where not tgisinternal order by 1`,
  )
  return rows.map((row) => row.text)
}

async function functionsOf(client: Client): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `select proname as name from pg_proc where pronamespace = to_regnamespace('_pg_realtime') and proname like '%notify%' order by 1`,
  )
  return rows.map((row) => row.name)
}

/** What a client sends, from now on. */
function spyOn(client: Client): string[] {
  const sent: string[] = []
  const query = client.query.bind(client) as (...values: unknown[]) => unknown
  Object.assign(client, {
    query: (...values: unknown[]) => {
      sent.push(String(values[0]))
      return query(...values)
    },
  })
  return sent
}

test('names of functions and triggers, always enabled', async () => {
  await using harness = await SourceHarness.open(triggerSource())
  await harness.run('create table orders (id int)')
  await harness.watch('orders')
  expect(await triggersOf(harness.writer)).toEqual(
    ['delete', 'insert', 'truncate', 'update'].map((event) => `orders _pg_realtime_trigger_orders_${event} A`),
  )
  expect(await functionsOf(harness.writer)).toEqual(['_pg_realtime_notify_orders'])
})

test('fault 13: tables whose names run into each other have functions of their own', async () => {
  await using harness = await SourceHarness.open(triggerSource())
  const long = 'ä'.repeat(31)
  await harness.run(`create schema a_b; create schema a; create table a_b.c (id int); create table a.b_c (n text);
    create schema long; create table long.${long} (id int); create table ${long} (id int); create table "we""ird; drop table x;--" (id int)`)
  const names = ['a_b.c', 'a.b_c', `long.${long}`, long, '"we""ird; drop table x;--"']
  await harness.watch(...names)
  expect(new Set(await functionsOf(harness.writer)).size).toBe(names.length)
  await harness.run(`insert into a_b.c values (1); insert into a.b_c values ('x'); insert into long.${long} values (2);
    insert into ${long} values (3); insert into "we""ird; drop table x;--" values (4)`)
  expect((await harness.changes()).map((change) => change.new)).toEqual([
    { id: '1' },
    { n: 'x' },
    { id: '2' },
    { id: '3' },
    { id: '4' },
  ])
})

test('a renamed table keeps its function, and a new table of the old name gets another', async () => {
  await using harness = await SourceHarness.open(triggerSource())
  await harness.run('create table orders (id int, n int)')
  await harness.watch('orders')
  await harness.run('alter table orders rename to old_orders; create table orders (code text)')
  await harness.watch('orders', 'old_orders')
  await harness.run(`insert into orders values ('x'); insert into old_orders values (1, 2)`)
  expect((await harness.changes()).map((change) => change.new)).toEqual([{ code: 'x' }, { id: '1', n: '2' }])
})

test('fault 14: what is installed already is not touched: no statement, no lock', async () => {
  await using harness = await SourceHarness.open(triggerSource())
  await harness.run('create table orders (id int)')
  await harness.watch('orders')
  const clients: string[][] = []
  const watchful = triggerSource()
  await using second = await SourceHarness.open(
    (connect) =>
      watchful(async () => {
        const client = await connect()
        clients.push(spyOn(client))
        return client
      }),
    harness.database,
  )
  await harness.run('begin; lock table orders in access exclusive mode')
  // The catalog look-up of the test itself would wait; the source must not.
  const table = harness.table('orders')
  await second.source.watch([table])
  await harness.run('commit')
  expect(clients).toEqual([])
})

test('fault 14: behind an open writer, new writers do not wait for the installer', async () => {
  await using harness = await SourceHarness.open(triggerSource())
  await harness.run('create table orders (id int)')
  const open = await harness.database.connect()
  await open.query('begin; insert into orders values (1)')
  let isInstalled = false
  const watching = harness.watch('orders').then(() => {
    isInstalled = true
  })
  const other = await harness.database.connect()
  // More than the time for which the installer may stand in the lock queue would fail this statement.
  await other.query(`set lock_timeout = '2s'`)
  for (let n = 0; n < 20; n += 1) await other.query('insert into orders values (2)')
  expect(isInstalled).toBe(false)
  await open.query('commit')
  await watching
  await harness.run('insert into orders values (3)')
  expect(await harness.changes()).toHaveLength(1)
})

test('fault 15: 24 installers at once', async () => {
  await using database = await createDatabase({
    setup:
      'create table a (id int); create table b (id int); create table c (id int) partition by list (id); create table c1 partition of c default',
  })
  const harnesses = await Promise.all(Array.from({ length: 24 }, () => SourceHarness.open(triggerSource(), database)))
  try {
    // In opposite orders, which is what deadlocks are made of.
    await Promise.all(
      harnesses.map((harness, index) => (index % 2 ? harness.watch('a', 'b', 'c') : harness.watch('c', 'b', 'a'))),
    )
    const client = await database.connect()
    expect(await triggersOf(client)).toHaveLength(16)
    await client.query('insert into a values (1)')
    for (const harness of harnesses) expect((await harness.read()).changes).toHaveLength(1)
  } finally {
    await Promise.all(harnesses.map((harness) => harness[Symbol.asyncDispose]()))
  }
})

test('fault 11: a role without the right is told who needs which', async () => {
  await using database = await createDatabase({ setup: 'create table orders (id int)' })
  const admin = await database.connect()
  const role = `installer_${database.name}`
  await admin.query(
    `create role ${role} login password 'x'; grant create on database ${quoteIdentifier(database.name)} to ${role}`,
  )
  try {
    const asRole = triggerSource()
    await using harness = await SourceHarness.open(
      (connect) =>
        asRole(async () => {
          const client = await connect()
          await client.query(`set role ${role}`)
          return client
        }),
      database,
    )
    const watching = harness.watch('orders')
    await expect(watching).rejects.toThrow(InstallError)
    await expect(watching).rejects.toThrow(/"public"\."orders".*must own the table/)
  } finally {
    await admin.query(`drop owned by ${role} cascade; drop role ${role}`)
  }
})

test('another role may read what one role has installed, and only what it needs', async () => {
  await using database = await createDatabase({ setup: 'create table orders (id int)' })
  const admin = await database.connect()
  const role = `reader_${database.name}`
  await admin.query(`create role ${role} login password 'x'; grant select, insert on orders to ${role}`)
  try {
    await using harness = await SourceHarness.open(triggerSource(), database)
    await harness.watch('orders')
    const reader = await database.connect({ user: role, password: 'x' })
    const second = triggerSource()(() => database.connect())
    await second.start(reader, { wake: () => {}, onError: () => {} })
    await second.watch([harness.table('orders')])
    const tick = async () => {
      await reader.query('begin isolation level repeatable read read only')
      const batch = await second.read(reader)
      await reader.query('commit')
      return batch
    }
    while ((await tick()).gap !== undefined);
    await reader.query('insert into orders values (1)')
    expect((await tick()).changes).toHaveLength(1)
    await expect(
      reader.query('insert into _pg_realtime.log_0 (relation, command) values (1, $1)', ['INSERT']),
    ).rejects.toThrow('permission denied')
    await expect(reader.query('truncate _pg_realtime.log_0')).rejects.toThrow('permission denied')
    await second.stop()
  } finally {
    await admin.query(`drop owned by ${role} cascade; drop role ${role}`)
  }
})

test(`a schema with another's objects is left alone`, async () => {
  await using database = await createDatabase({
    setup: 'create schema _pg_realtime; create table _pg_realtime.mine (id int)',
  })
  await expect(SourceHarness.open(triggerSource(), database)).rejects.toThrow(
    /holds objects that are not pg-realtime's, such as "mine"/,
  )
})

test('a log of version 1 takes entries of both versions, and each version reads those of the other without rows', async () => {
  const log = (name: string): string =>
    `create unlogged table _pg_realtime.${name} (xid xid8 not null default pg_current_xact_id(), relation oid not null,
      operation "char" not null, old_rows text[], new_rows text[], columns text[], hashed text[], failure text);`
  await using database = await createDatabase({
    setup: `create schema _pg_realtime; ${log('log_0')} ${log('log_1')} create table items (id int);
      create sequence _pg_realtime.mode as bigint minvalue 0 start 0;
      comment on sequence _pg_realtime.mode is 'pg-realtime schema 1'`,
  })
  await using harness = await SourceHarness.open(triggerSource(), database)
  await harness.watch('items')
  await harness.run(
    `insert into _pg_realtime.log_0 (relation, operation, new_rows) values ('items'::regclass, 'I', array['(1)'])`,
  )
  await harness.run('insert into items values (2)')
  expect(await harness.changes()).toEqual([
    { kind: 'bulk', table: 'items' },
    { kind: 'insert', table: 'items', new: { id: '2' } },
  ])
  expect(
    await harness.run(`select operation, new_rows from _pg_realtime.log_0 where command is distinct from 'INSTALL'`),
  ).toEqual([
    { operation: 'I', new_rows: ['(1)'] },
    { operation: 'B', new_rows: null },
  ])
})

test('an older function is replaced, a newer one stays', async () => {
  await using harness = await SourceHarness.open(triggerSource())
  await harness.run('create table orders (id int)')
  await harness.watch('orders')
  const comment = async (text: string) =>
    harness.run(`comment on function _pg_realtime._pg_realtime_notify_orders() is '${text}'`)
  await comment('{"pgRealtime":{"version":99,"body":"later","exclude":[]}}')
  expect((await harness.source.audit(harness.control)).repaired).toEqual([])
  await comment('{"pgRealtime":{"version":0,"body":"earlier","exclude":[]}}')
  expect((await harness.source.audit(harness.control)).repaired).toEqual([
    'public.orders: function of another version, or for other columns',
  ])
  expect((await harness.source.audit(harness.control)).repaired).toEqual([])
})

test('an excluded column stays out whichever relative of its table is watched, and in whichever schema that is', async () => {
  const exclude = new Map([['accounts', ['password']]])
  await using harness = await SourceHarness.open(triggerSource({ exclude }))
  await harness.run(`create schema tenant;
    create table tenant.accounts (id int, password text) partition by range (id);
    create table tenant.recent partition of tenant.accounts for values from (0) to (100)`)
  await harness.watch('tenant.recent')
  await harness.run(
    `insert into tenant.accounts values (1, 'hunter2'); insert into tenant.recent values (2, 'hunter3')`,
  )
  expect(await harness.changes()).toHaveLength(2)
  const [log] = await harness.run(
    'select string_agg(l::text, $1) as text from (table _pg_realtime.log_0 union all table _pg_realtime.log_1) l',
    [' '],
  )
  expect(log?.['text']).not.toContain('hunter')
})

test('an excluded column never enters the log, and stays out while any server asks for it', async () => {
  const exclude = new Map([['users', ['password']]])
  await using harness = await SourceHarness.open(triggerSource({ exclude }))
  await harness.run(
    `create table users (id int primary key, password text, bio text); create table admins () inherits (users)`,
  )
  await harness.watch('users')
  await using other = await SourceHarness.open(triggerSource(), harness.database)
  await other.watch('users')
  await harness.run(`insert into users values (1, 'secret', 'a'); update users set password = 'secret 2', bio = repeat('b', 9000);
    insert into admins values (2, 'secret 3')`)
  const [inserted, updated, child] = await harness.changes()
  expect(inserted).toEqual({ kind: 'insert', table: 'users', new: { id: '1', bio: 'a' }, hashed: ['password'] })
  expect(updated?.hashed).toEqual(['bio', 'password'])
  expect(child).toEqual({ kind: 'insert', table: 'admins', new: { id: '2', bio: null }, hashed: ['password'] })
  const [log] = await harness.run(
    'select string_agg(l::text, $1) as text from (table _pg_realtime.log_0 union all table _pg_realtime.log_1) l',
    [' '],
  )
  expect(log?.['text']).not.toContain('secret')
})

test('manual: only checks, and names the command', async () => {
  await using database = await createDatabase({ setup: 'create table orders (id int)' })
  await expect(SourceHarness.open(triggerSource({ install: 'manual' }), database)).rejects.toThrow(NotInstalledError)
  await using automatic = await SourceHarness.open(triggerSource(), database)
  await using harness = await SourceHarness.open(triggerSource({ install: 'manual' }), database)
  const watching = harness.watch('orders')
  await expect(watching).rejects.toThrow(/pg-realtime sql 'orders'/)
  await expect(watching).rejects.toMatchObject({ code: 'NOT_INSTALLED', tables: ['"public"."orders"'] })
  await automatic.watch('orders')
  await harness.watch('orders')
  await harness.run('insert into orders values (1)')
  expect(await harness.changes()).toHaveLength(1)
})

test('the audit repairs what was dropped, disabled or attached, and the next batch is a gap', async () => {
  await using harness = await SourceHarness.open(triggerSource())
  await harness.run(
    `create table orders (id int) partition by list (id); create table orders_1 partition of orders for values in (1)`,
  )
  await harness.watch('orders')
  expect((await harness.source.audit(harness.control)).repaired).toEqual([])
  await harness.run(
    'drop trigger _pg_realtime_trigger_orders_insert on orders; alter table orders_1 disable trigger all',
  )
  await harness.run('insert into orders values (1); insert into orders_1 values (1)')
  expect(await harness.changes()).toEqual([])
  expect((await harness.source.audit(harness.control)).repaired.toSorted()).toEqual([
    'public.orders: trigger for insert missing or disabled',
    'public.orders_1: trigger for insert, update, delete, truncate missing or disabled',
  ])
  expect((await harness.read()).gap).toBe('triggers were missing')
  await harness.run('insert into orders values (1)')
  expect(await harness.changes()).toHaveLength(1)
})

test('fault 16: uninstalling removes every trigger and function, in all schemas, of leaf partitions too', async () => {
  await using database: TestDatabase = await createDatabase()
  const client = await database.connect()
  await client.query(`create schema "odd ""one"; create table "odd ""one".t (id int) partition by list (id);
    create table "odd ""one".leaf partition of "odd ""one".t default; create table plain (id int)`)
  {
    await using harness = await SourceHarness.open(triggerSource(), database)
    await harness.watch('"odd ""one".t', 'plain')
  }
  expect(await triggersOf(client)).toHaveLength(12)
  await uninstallTriggers(client, '_pg_realtime', options)
  expect(await triggersOf(client)).toEqual([])
  const { rows } = await client.query(`select to_regnamespace('_pg_realtime') as schema`)
  expect(rows).toEqual([{ schema: null }])
  await client.query(`insert into plain values (1)`)
  await uninstallTriggers(client, '_pg_realtime', options)
})

test(`uninstalling leaves a schema that is not pg-realtime's`, async () => {
  const setup =
    'create schema mine; create table mine.log_0 (id int); create sequence mine.lost; create table mine.epoch (id int)'
  await using database = await createDatabase({ setup })
  const client = await database.connect()
  await uninstallTriggers(client, 'mine', options)
  expect((await planTable(client, 'mine.log_0')).name).toBe('log_0')
})
