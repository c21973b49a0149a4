/** Whatever goes wrong in a trigger or with the log: the write succeeds, and the next batch says what it does not know. */
import { randomBytes } from 'node:crypto'
import { startPostgres } from '@pg-realtime/tooling/postgres'
import { expect, test } from 'vitest'
import { CaptureFailedError } from '../../errors.js'
import { serialClient, SourceHarness } from '../source-harness.fixture.js'
import { triggerSource } from './trigger-source.fixture.js'
import type { TriggerSource } from './trigger-source.js'

async function watchingItems(): Promise<SourceHarness<TriggerSource>> {
  const harness = await SourceHarness.open(triggerSource())
  await harness.run('create table items (id int primary key, name text, extra text)')
  await harness.watch('items')
  return harness
}

test('parity 44, parity 45: without its log the write succeeds, readers refresh everything, and hear of it', async () => {
  await using harness = await watchingItems()
  const open = await harness.database.connect()
  await harness.run('alter table _pg_realtime.log_0 rename to log_0_away')
  await open.query(`begin; insert into items values (1, 'a')`)
  await harness.run('alter table _pg_realtime.log_0_away rename to log_0')
  // The writer is still open: the batch in which it has ended must be a gap too.
  expect((await harness.read()).gap).toBe('a trigger could not write to the change log')
  expect((await harness.read()).gap).toBeDefined()
  expect((await harness.read()).gap).toBeUndefined()
  await open.query('commit')
  expect((await harness.read()).gap).toMatch(/transaction \d+ has ended/)
  expect((await harness.read()).gap).toBeUndefined()
  expect(harness.errors[0]).toBeInstanceOf(CaptureFailedError)
})

test('parity 44: without the whole schema writes succeed, and a new start installs it again', async () => {
  await using harness = await watchingItems()
  await harness.run('drop schema _pg_realtime cascade')
  await harness.run(`insert into items values (1, 'a')`)
  await expect(harness.read()).rejects.toThrow('does not exist')
  await harness.reconnect()
  await harness.run(`insert into items values (2, 'b')`)
  expect(await harness.changes()).toHaveLength(1)
})

test('parity 44, parity 45: where the installing role may not write the log any more, writes succeed all the same', async () => {
  await using harness = await watchingItems()
  const installer = `installer_${randomBytes(4).toString('hex')}`
  await harness.run(`create role ${installer}; grant usage on schema _pg_realtime to ${installer};
    grant select, insert on _pg_realtime.log_0, _pg_realtime.log_1 to ${installer};
    grant usage on all sequences in schema _pg_realtime to ${installer};
    alter function _pg_realtime._pg_realtime_notify_items() owner to ${installer}`)
  await harness.run(`insert into items values (1, 'a')`)
  expect(await harness.changes()).toHaveLength(1)
  for (const revoke of [
    `revoke insert on _pg_realtime.log_0, _pg_realtime.log_1 from ${installer}`,
    `grant insert on _pg_realtime.log_0, _pg_realtime.log_1 to ${installer};
      revoke usage on _pg_realtime.mode from ${installer}`,
    `grant usage on _pg_realtime.mode to ${installer}; revoke usage on _pg_realtime.awake_until from ${installer}`,
    `revoke all on all tables in schema _pg_realtime from ${installer}`,
  ]) {
    await harness.run(revoke)
    await harness.run(`update items set name = name || '!'`)
    const { changes, gap } = await harness.read()
    expect(gap ?? changes.length).toEqual(
      revoke.includes('awake_until') ? 1 : 'a trigger could not write to the change log',
    )
    await harness.drain()
  }
  const [relation] = await harness.run(`select 'items'::regclass::oid::int8 as id`)
  const { broken } = await harness.source.audit(harness.control)
  expect([...broken].map(([id, error]) => [id, error.message])).toEqual([
    [Number(relation?.['id']), expect.stringMatching(/notify_items" may not write the change log/)],
  ])
  // Nobody can be told any more, and the write succeeds.
  await harness.run(`revoke all on schema _pg_realtime from ${installer};
    revoke all on all sequences in schema _pg_realtime from ${installer}; update items set name = 'b'`)
  expect(await harness.run('select name from items')).toEqual([{ name: 'b' }])
  await harness.run(
    `reassign owned by ${installer} to current_user; drop owned by ${installer}; drop role ${installer}`,
  )
})

test('a column dropped under the trigger: whole-table changes until the audit, and no write fails', async () => {
  await using harness = await watchingItems()
  await harness.run(`alter table items drop column extra; insert into items values (1, 'a')`)
  const batch = await harness.read()
  expect(await harness.notes(batch.changes)).toEqual([{ kind: 'bulk', table: 'items' }])
  expect(batch.gap).toMatch(/columns of relation \d+ have changed/)
  expect(harness.errors.map((error) => error.message)).toEqual([expect.stringContaining('42703')])
  expect((await harness.source.audit(harness.control)).repaired).toEqual([
    'public.items: function of another version, or for other columns',
  ])
  await harness.drain()
  await harness.run(`insert into items values (2, 'b')`)
  expect((await harness.changes()).map((change) => change.new)).toEqual([{ id: '2', name: 'b' }])
})

test('a renamed and an added column: rows are never read under wrong names', async () => {
  await using harness = await watchingItems()
  await harness.run(`insert into items values (1, 'a', 'x')`)
  await harness.run(
    `alter table items rename name to title; alter table items add column n int; insert into items values (2, 'b', 'y', 5)`,
  )
  expect((await harness.read()).gap).toMatch(/columns of relation \d+ have changed/)
  await harness.source.audit(harness.control)
  await harness.drain()
  await harness.run('update items set n = 6 where id = 2')
  expect((await harness.changes())[0]?.new).toEqual({ id: '2', title: 'b', extra: 'y', n: '6' })
})

test('parity 44, parity 45: a value that cannot be written as text', async () => {
  await using harness = await watchingItems()
  await harness.run(`create type mood as enum ('good'); create table people (id int, mood mood); insert into people values (1, 'good');
    delete from pg_enum where enumlabel = 'good'`)
  await harness.watch('people')
  await harness.run('update people set id = 2')
  expect(await harness.changes()).toEqual([{ kind: 'bulk', table: 'people' }])
  expect(harness.errors).toEqual([expect.any(CaptureFailedError)])
  expect(await harness.run('select id from people')).toEqual([{ id: 2 }])
})

test('columns may have the names of what the trigger function declares', async () => {
  await using harness = await watchingItems()
  const names = ['images', 'new_images', 'details', 'mode', 'awake_for', 'row_count', 'context', 'caller', 'tg_op', 'r']
  await harness.run(`create table odd (${names.map((name) => `${name} text`).join(', ')})`)
  await harness.watch('odd')
  await harness.run(`insert into odd (mode, r) values ('a', 'b'); update odd set details = repeat('x', 6000)`)
  const [inserted, updated] = await harness.changes()
  expect(inserted?.new).toMatchObject({ mode: 'a', r: 'b', details: null })
  expect(updated?.new).toMatchObject({ mode: 'a', r: 'b' })
  expect(updated?.hashed).toEqual(['details'])
  expect(harness.errors).toEqual([])
})

test('a value of 100 MB is not read for the log', async () => {
  await using harness = await watchingItems()
  await harness.run(
    'create table films (id int, film text, title text); alter table films alter column film set storage external',
  )
  await harness.watch('films')
  await harness.run(`insert into films values (1, repeat('x', 100000000)); update films set title = 'y'`)
  const [inserted, updated] = await harness.changes()
  expect(inserted).toEqual({
    kind: 'insert',
    table: 'films',
    new: { id: '1', film: null, title: null },
    hashed: ['film'],
  })
  expect(updated?.hashed).toEqual(['film'])
  expect(updated?.new).toEqual({ id: '1', film: null, title: 'y' })
})

test('columns that are computed when they are read count as possibly changed', async ({ skip }) => {
  await using harness = await watchingItems()
  const [server] = await harness.run(`select current_setting('server_version_num')::int >= 180000 as knows`)
  skip(server?.['knows'] !== true, 'virtual generated columns came with PostgreSQL 18')
  await harness.run('create table prices (net int, gross int generated always as (net * 2) virtual)')
  await harness.watch('prices')
  await harness.run('insert into prices values (1)')
  expect((await harness.changes())[0]?.hashed).toEqual(['gross'])
})

test('a crash of the server empties the log, and the next batch says so', async () => {
  await using server = await startPostgres({ dedicated: true })
  await using database = await server.createDatabase({ setup: 'create table items (id int)' })
  await using harness = await SourceHarness.open(triggerSource(), database)
  await harness.watch('items')
  await harness.run('insert into items values (1); checkpoint')
  await server.restart('immediate')
  const writer = await database.connect()
  const { rows } = await writer.query('select count(*)::int as n from _pg_realtime.log_0')
  expect(rows).toEqual([{ n: 0 }])
  await expect(harness.read()).rejects.toThrow(/connection|queryable/i)
  await harness.source.stop()
  const control = await serialClient(database)
  const reader = await database.connect()
  await harness.source.start(control, { wake: () => {}, onError: () => {} })
  await reader.query('begin isolation level repeatable read read only')
  expect((await harness.source.read(reader)).gap).toBeDefined()
  await reader.query('commit')
})

test('a log that a crash has emptied behind a connection that survived is noticed by its epoch', async () => {
  await using harness = await watchingItems()
  // What a crash leaves of unlogged tables.
  await harness.run('truncate _pg_realtime.log_0, _pg_realtime.log_1, _pg_realtime.epoch')
  expect((await harness.read()).gap).toMatch(/emptied/)
  await harness.drain()
  await harness.run('insert into items values (1)')
  expect(await harness.changes()).toHaveLength(1)
})
