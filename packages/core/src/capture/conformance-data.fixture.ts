/** Whatever changes rows, and however it is written, is in the next batch with its rows. */
import { expect, test } from 'vitest'
import type { Open } from './conformance.fixture.js'

export function dataCases(open: Open): void {
  test('inserts, updates and deletes come with their rows, in order', async () => {
    const harness = await open()
    await harness.run('create table items (id int primary key, name text)')
    await harness.watch('items')
    await harness.run(`begin; insert into items values (1, 'a'), (2, null); update items set name = 'b' where id = 1;
      delete from items where id = 2; commit`)
    expect(await harness.changes()).toEqual([
      { kind: 'insert', table: 'items', new: { id: '1', name: 'a' } },
      { kind: 'insert', table: 'items', new: { id: '2', name: null } },
      { kind: 'update', table: 'items', old: { id: '1', name: 'a' }, new: { id: '1', name: 'b' } },
      { kind: 'delete', table: 'items', old: { id: '2', name: null } },
    ])
    expect(await harness.changes()).toEqual([])
  })

  test('a statement that changes no row is no change', async () => {
    const harness = await open()
    await harness.run('create table items (id int)')
    await harness.watch('items')
    await harness.run('update items set id = 1; delete from items; insert into items select 1 where false')
    expect(await harness.changes()).toEqual([])
  })

  test('parity 08: COPY, cascades, views and other sessions', async () => {
    const harness = await open()
    await harness.run(`create table parents (id int primary key);
      create table children (id int, parent int references parents on delete cascade on update cascade);
      create view adults as select id from parents where id > 17`)
    await harness.watch('parents', 'children')
    await harness.run(`insert into adults values (18); insert into children values (1, 18); update parents set id = 19;
      delete from adults`)
    // A cascade runs before the triggers of the statement that caused it.
    const changes = await harness.changes()
    expect(changes).toHaveLength(6)
    expect(changes).toEqual(
      expect.arrayContaining([
        { kind: 'insert', table: 'parents', new: { id: '18' } },
        { kind: 'insert', table: 'children', new: { id: '1', parent: '18' } },
        { kind: 'update', table: 'parents', old: { id: '18' }, new: { id: '19' } },
        { kind: 'update', table: 'children', old: { id: '1', parent: '18' }, new: { id: '1', parent: '19' } },
        { kind: 'delete', table: 'parents', old: { id: '19' } },
        { kind: 'delete', table: 'children', old: { id: '1', parent: '19' } },
      ]),
    )
    // A program as the source of COPY is a statement like any other, and needs no client that speaks its protocol.
    await harness.run(`copy parents from program 'echo 7'`)
    expect(await harness.changes()).toEqual([{ kind: 'insert', table: 'parents', new: { id: '7' } }])
  })

  test('an upsert is an update of the rows that were there, and an insert of the others', async () => {
    const harness = await open()
    await harness.run('create table stock (id int primary key, n int); insert into stock values (1, 1)')
    await harness.watch('stock')
    await harness.run('insert into stock values (1, 5), (2, 5) on conflict (id) do update set n = excluded.n')
    const changes = await harness.changes()
    expect(changes).toHaveLength(2)
    expect(changes).toContainEqual({
      kind: 'update',
      table: 'stock',
      old: { id: '1', n: '1' },
      new: { id: '1', n: '5' },
    })
    expect(changes).toContainEqual({ kind: 'insert', table: 'stock', new: { id: '2', n: '5' } })
  })

  test('MERGE is what its branches are', async ({ skip }) => {
    const harness = await open()
    const [server] = await harness.run(`select current_setting('server_version_num')::int >= 150000 as merges`)
    skip(server?.['merges'] !== true, 'PostgreSQL 14 has no MERGE')
    await harness.run('create table stock (id int primary key, n int); insert into stock values (1, 1), (2, 2)')
    await harness.watch('stock')
    await harness.run(`merge into stock using (values (1), (2), (3)) v(id) on stock.id = v.id
      when matched and stock.id = 1 then delete when matched then update set n = 9 when not matched then insert values (v.id, 0)`)
    const changes = await harness.changes()
    expect(changes).toHaveLength(3)
    expect(changes).toContainEqual({ kind: 'delete', table: 'stock', old: { id: '1', n: '1' } })
    expect(changes).toContainEqual({
      kind: 'update',
      table: 'stock',
      old: { id: '2', n: '2' },
      new: { id: '2', n: '9' },
    })
    expect(changes).toContainEqual({ kind: 'insert', table: 'stock', new: { id: '3', n: '0' } })
  })

  test('fault 10: TRUNCATE, and writes with session_replication_role = replica', async () => {
    const harness = await open()
    await harness.run('create table items (id int)')
    await harness.watch('items')
    await harness.run('set session_replication_role = replica; insert into items values (1)')
    await harness.run('truncate items')
    expect(await harness.changes()).toEqual([
      { kind: 'insert', table: 'items', new: { id: '1' } },
      { kind: 'truncate', table: 'items' },
    ])
  })

  test(`fault 09: the writer's search_path and output settings do not matter`, async () => {
    const harness = await open()
    await harness.run(
      `create table moments (day date, at timestamptz, span interval, bytes bytea, x float8, cash money)`,
    )
    await harness.watch('moments')
    await harness.run(`set search_path = ''; set datestyle = 'German'; set timezone = 'Asia/Tokyo'; set intervalstyle = 'sql_standard';
      set bytea_output = 'escape'; set extra_float_digits = -5`)
    await harness.run(
      `insert into public.moments values ('2026-04-03', '2026-04-03 12:00:00+00', '1 day 2 hours', '\\x00ff', 0.1::float8 + 0.2, 1)`,
    )
    const row = {
      day: '2026-04-03',
      at: '2026-04-03 12:00:00+00',
      span: '1 day 02:00:00',
      bytes: '\\x00ff',
      x: '0.30000000000000004',
    }
    expect((await harness.changes())[0]?.new).toMatchObject(row)
    expect(await harness.run('show datestyle')).toEqual([{ DateStyle: 'German, DMY' }])
  })

  test('what is rolled back is no change, nor is a savepoint that is', async () => {
    const harness = await open()
    await harness.run('create table items (id int)')
    await harness.watch('items')
    await harness.run(`begin; insert into items values (1); rollback`)
    await harness.run(`begin; insert into items values (2); savepoint s; insert into items values (3); rollback to s;
      insert into items values (4); savepoint s2; insert into items values (5); release s2; commit`)
    expect((await harness.changes()).map((change) => change.new?.['id'])).toEqual(['2', '4', '5'])
  })

  test('parity 41: every type as PostgreSQL writes it', async () => {
    const harness = await open()
    await harness.run(`create type mood as enum ('so so', 'good'); create domain cents as numeric(10, 2); create type pair as (a int, b text);
      create table kinds (a int2, b int8, c numeric, d float4, e text, f char(4), g "char", h uuid, i json, j jsonb, k bool, l date, m time,
        n timestamp, o timestamptz, p int[], q text[], r bytea, s mood, t cents, u pair, v inet, w int4range, x xml, y tsvector, z bit(3))`)
    await harness.watch('kinds')
    await harness.run(`insert into kinds values (1, 9007199254740993, 2.50, 'NaN', 'a"b\\c,(d)', 'x', 'y', '00000000-0000-0000-0000-000000000001',
      '{"a" : 1}', '{"a" : 1}', true, 'infinity', '10:00', '2026-01-01', '2026-01-01 00:00+02', '{1,null}', '{"a b",null,"null"}', '\\xdead',
      'so so', 1, row(1, 'x,"y"'), '10.0.0.1/8', '[1,4)', '<a/>', 'a b', '101')`)
    const [expected] =
      await harness.run(`set timezone = 'UTC'; select row_to_json(kinds_as_text) as row from (select a::text, b::text, c::text, d::text, e, format('%s', f) as f,
      format('%s', g) as g, h::text, i::text, j::text, format('%s', k) as k, l::text, m::text, n::text, o::text, p::text, q::text, r::text, s::text, t::text, u::text,
      format('%s', v) as v, w::text, x::text, y::text, z::text from kinds) kinds_as_text`)
    expect((await harness.changes())[0]?.new).toEqual(expected?.['row'])
  })

  test('fault 08, parity 42, parity 43: large values are hashed and named, and the change arrives however large', async () => {
    const harness = await open()
    await harness.run('create table documents (id int primary key, body text, extra jsonb, n int)')
    await harness.watch('documents')
    await harness.run(`insert into documents values (1, repeat('ä', 2501), null, 0)`)
    await harness.run(`update documents set n = 1`)
    await harness.run(`update documents set body = repeat('x', 3000000), extra = to_jsonb(repeat('y', 400000))`)
    const [inserted, updated, huge] = await harness.changes()
    expect(inserted?.hashed).toEqual(['body'])
    expect(inserted?.new?.['body']).toMatch(/^[0-9a-f]{64}$/)
    expect(updated?.old?.['body']).toBe(inserted?.new?.['body'])
    expect(updated?.new).toEqual({ ...inserted?.new, n: '1' })
    expect(huge?.hashed).toEqual(['body', 'extra'])
    expect(huge?.new?.['n']).toBe('1')
    expect(JSON.stringify(huge).length).toBeLessThan(1_000)
  })

  test('fault 08: 160 and 1,600 columns', async () => {
    const harness = await open()
    for (const count of [160, 1_600]) {
      const columns = Array.from({ length: count }, (_, index) => `c${index} text`)
      await harness.run(`create table wide_${count} (${columns.join(', ')})`)
      await harness.watch(`wide_${count}`)
      await harness.run(`insert into wide_${count} values (${columns.map((_, index) => `'${index % 7}'`).join(', ')})`)
      const [change] = await harness.changes()
      expect(Object.keys(change?.new ?? {})).toHaveLength(count)
      expect(change?.new?.[`c${count - 1}`]).toBe(String((count - 1) % 7))
    }
  })

  test('fault 06, fault 23: a statement that changes very many rows is one change', async () => {
    const harness = await open()
    await harness.run('create table items (id int, n int)')
    await harness.watch('items')
    await harness.run('insert into items select g, 0 from generate_series(1, 20000) g')
    await harness.run('update items set n = 1')
    await harness.run('delete from items')
    expect(await harness.changes()).toEqual(Array.from({ length: 3 }, () => ({ kind: 'bulk', table: 'items' })))
  })

  test('a few hundred rows come one by one', async () => {
    const harness = await open()
    await harness.run('create table items (id int, n int)')
    await harness.watch('items')
    await harness.run('insert into items select g, 0 from generate_series(1, 500) g; update items set n = id')
    const changes = await harness.changes()
    expect(changes).toHaveLength(1_000)
    expect(changes.slice(500).every((change) => change.old?.['id'] === change.new?.['n'])).toBe(true)
  })
}
