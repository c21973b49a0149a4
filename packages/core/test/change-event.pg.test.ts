/** What a `refresh` function is told about a change. */
import { sql } from 'kysely'
import pg from 'pg'
import { expect, test } from 'vitest'
import type { ChangeEvent } from '../src/index.js'
import { openDatabase, type TestData } from './support/database.js'

interface Things {
  things: { id: number; [column: string]: unknown }
}

/** A live query on all of `things`, and every change that its `refresh` function is asked about. */
async function openThings(setup: string, { exclude = [] as readonly string[], refreshes = true } = {}) {
  const data = await openDatabase<Things>(setup)
  const realtime = data.engine({ exclude: { things: exclude } })
  const changes: ChangeEvent<Things>[] = []
  const live = realtime.live(sql<Things['things']>`select * from things order by id`, {
    refresh: ({ change }) => changes.push(change) > 0 && refreshes,
  })
  await live.ready
  await realtime.settle()
  return {
    data,
    realtime,
    live,
    changes,
    async changesOf(statement: string): Promise<ChangeEvent<Things>[]> {
      changes.length = 0
      await data.run(statement)
      await realtime.barrier()
      return [...changes]
    },
    async [Symbol.asyncDispose]() {
      await realtime.stop()
      await data[Symbol.asyncDispose]()
    },
  }
}

test('parity 40: operation, table, row, and changes as [old, new]', async () => {
  await using things = await openThings('create table things (id int primary key, name text, note text)')
  expect(await things.changesOf(`insert into things values (1, 'a')`)).toEqual([
    {
      operation: 'insert',
      table: 'things',
      row: { id: 1, name: 'a', note: null },
      changes: { id: [null, 1], name: [null, 'a'], note: [null, null] },
      hashed: new Set(),
    },
  ])
  expect(await things.changesOf(`update things set name = 'b'`)).toMatchObject([
    { operation: 'update', row: { id: 1, name: 'b', note: null }, changes: { name: ['a', 'b'] } },
  ])
  expect(Object.keys(things.changes[0]!.changes)).toEqual(['name'])
  expect(await things.changesOf(`delete from things`)).toMatchObject([
    {
      operation: 'delete',
      row: { id: 1, name: 'b' },
      changes: { id: [1, null], name: ['b', null], note: [null, null] },
    },
  ])
})

test('parity 40: each row of a statement is a change, and a row whose key changes is updated', async () => {
  const setup = `create table things (id int primary key); insert into things values (1), (2)`
  await using things = await openThings(setup, { refreshes: false })
  const changes = await things.changesOf(`update things set id = id + 10`)
  expect(changes.map(({ operation, changes: { id } }) => [operation, ...id!])).toEqual([
    ['update', 1, 11],
    ['update', 2, 12],
  ])
})

const TYPES = `
  create type mood as enum ('sad', 'glad');
  create domain percent as int check (value between 0 and 100);
  create domain email as text;
  create type pair as (a int, b text);
  create table things (
    id int primary key, i2 int2, i8 int8, n numeric, nn numeric(10, 2), f4 float4, f8 float8, t text, v varchar(20), c char(5),
    ch "char", nm name, u uuid, j json, jb jsonb, b bool, d date, tm time, tmz timetz, ts timestamp, tsz timestamptz, iv interval,
    ai int[], at text[], aj jsonb[], ad date[], by bytea, aby bytea[], m mood, am mood[], p percent, ap percent[], e email, co pair,
    aco pair[], ip inet, ci cidr, mac macaddr, mo money, r int4range, rs tstzrange, bi bit(3), vb varbit, x xml, pt point, ts2 tsvector, o oid
  )`

const VALUES = `
  insert into things values (
    1, -2, 9007199254740993, 2.50, 3.1, 1.5, 0.1, 'say "x", \\ {y}', 'v', 'ab', 'z', 'nm', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
    '{"a": [1, null]}', '{"b": {"c": "d"}}', true, '2026-02-03', '04:05:06.7', '04:05:06+02', '2026-02-03 04:05:06.789',
    '2026-02-03 04:05:06.789+05', '1 year 2 mons 3 days 04:05:06', '{1,NULL,3}', '{"a,b","c\\"d",NULL,""}', array['{"k": 1}'::jsonb],
    '{2026-02-03}', '\\x00ff5c27', array['\\x01'::bytea], 'glad', '{sad,glad}', 42, '{1,2}', 'a@b.c', row(1, 'x,"y"'),
    array[row(1, 'x')::pair], '10.0.0.1/8', '10.0.0.0/8', '08:00:2b:01:02:03', '12.50', '[1,5)', '[2026-01-01,2026-01-02)', '101', '1',
    '<a>1</a>', '(1,2)', 'fat cat', 4294967295
  )`

test('parity 41: values are the JavaScript values that the query returns, whatever the type', async () => {
  await using things = await openThings(TYPES)
  const [inserted] = await things.changesOf(VALUES)
  const row = things.live.single!
  expect(row['tsz']).toBeInstanceOf(Date)
  expect(row['by']).toEqual(Buffer.from([0, 0xff, 0x5c, 0x27]))
  expect(inserted!.row).toEqual(row)
  for (const [column, value] of Object.entries(row)) expect(inserted!.changes[column]).toEqual([null, value])
  const [updated] = await things.changesOf('update things set n = 2.5, i8 = null, ai[2] = 2')
  expect(updated!.changes).toEqual({
    n: ['2.50', '2.5'],
    i8: ['9007199254740993', null],
    ai: [
      [1, null, 3],
      [1, 2, 3],
    ],
  })
  expect(updated!.row).toEqual(things.live.single)
})

test('parity 41: values do not depend on the settings of the session that writes', async () => {
  await using things = await openThings(TYPES)
  await things.data.run(`set DateStyle = 'SQL, DMY'; set IntervalStyle = 'iso_8601'; set TimeZone = 'Asia/Tokyo';
    set bytea_output = 'escape'; set extra_float_digits = 0; set standard_conforming_strings = on`)
  const [inserted] = await things.changesOf(`insert into things (id, d, ts, tsz, iv, by, f8, f4, tmz)
    values (1, '03/02/2026', '03/02/2026 04:05:06', '03/02/2026 04:05:06', '1 day', '\\x00ff', 0.1::float8 + 0.2, 0.1, '04:05:06')`)
  expect(inserted!.row).toEqual(things.live.single)
})

test('parity 41: values go through the application’s own type parsers', async () => {
  await using data = await openDatabase<Things>('create table things (id int primary key, big int8)')
  const INT8 = 20
  const getTypeParser = (oid: number): ((text: string) => unknown) =>
    oid === INT8 ? BigInt : (pg.types.getTypeParser(oid, 'text') as (text: string) => unknown)
  const application = data.application({ pool: { types: { getTypeParser } } })
  await using realtime = data.engine(application)
  const seen: unknown[] = []
  const live = realtime.live(sql<Things['things']>`select * from things`, {
    refresh: ({ change }) => Boolean(seen.push(change.row['big'])),
  })
  await live.ready
  await realtime.settle()
  await data.run('insert into things values (1, 9007199254740993)')
  await realtime.barrier()
  expect(seen).toEqual([9007199254740993n])
  expect(live.single?.['big']).toBe(9007199254740993n)
})

test('parity 42: values of more than 5,000 bytes are hashed or marked, and named', async () => {
  await using things = await openThings('create table things (id int primary key, small text, large text, body bytea)')
  const [inserted] = await things.changesOf(
    `insert into things values (1, repeat('s', 4000), repeat('l', 5001), repeat('b', 9000)::bytea)`,
  )
  expect(inserted!.hashed).toEqual(new Set(['large', 'body']))
  expect(inserted!.row['small']).toBe('s'.repeat(4000))
  expect(String(inserted!.row['large']).length).toBeLessThan(200)
  const [updated] = await things.changesOf(`update things set large = repeat('m', 6000)`)
  expect(updated!.hashed).toContain('large')
  expect(updated!.changes).toHaveProperty('large')
  expect(things.live.single!['large']).toBe('m'.repeat(6000))
  const [both] = await things.changesOf(`update things set small = 't'`)
  expect(both!.changes).toHaveProperty('small', ['s'.repeat(4000), 't'])
})

test('parity 42: columns that are excluded never enter the log, and are named', async () => {
  await using things = await openThings('create table things (id int primary key, name text, secret text)', {
    exclude: ['secret'],
  })
  const [inserted] = await things.changesOf(`insert into things values (1, 'a', 'hidden')`)
  expect(inserted!.hashed).toEqual(new Set(['secret']))
  expect(inserted!.row['secret'] ?? null).toBeNull()
  expect(await logTexts(things.data)).not.toContain('hidden')
  await things.changesOf(`update things set secret = 'other'`)
  expect(things.live.single!['secret']).toBe('other')
})

const column = Array.from({ length: 160 }, (_, n) => `c${n}`)

test.each<[string, string, (letter: string) => string]>([
  [
    '160 columns',
    column.map((name) => `${name} text`).join(),
    (letter) => column.map((name) => `${name} = repeat('${letter}é', 300)`).join(),
  ],
  ['multibyte text', 'a text', (letter) => `a = repeat('${letter}漢字😀', 1000)`],
  ['two large values', 'a text, b text', (letter) => `a = repeat('${letter}', 7000), b = repeat('${letter}', 7900)`],
  [
    'megabytes',
    'a text, b jsonb',
    (letter) => `a = repeat('${letter}', 5000000), b = to_jsonb(repeat('${letter}', 3000000))`,
  ],
])('parity 43, fault 08: the change arrives, however large the row: %s', async (_, columns, assignments) => {
  await using things = await openThings(
    `create table things (id int primary key, ${columns}); insert into things values (1)`,
  )
  // The second change has large old values as well.
  for (const letter of ['a', 'b']) {
    const changes = await things.changesOf(`update things set ${assignments(letter)}`)
    expect(changes).toHaveLength(1)
    expect([things.live.single]).toEqual((await things.data.pool.query('select * from things')).rows)
  }
  expect(things.realtime.errors).toEqual([])
})

/** Everything that stands in tables of the engine's schema, as text. */
async function logTexts(data: TestData<Things>): Promise<string> {
  const tables = await data.run<{ name: string }>(
    `select oid::regclass::text as name from pg_class where relnamespace = '_pg_realtime'::regnamespace and relkind = 'r'`,
  )
  const texts = await Promise.all(tables.map(({ name }) => data.run(`select t::text from ${name} t`)))
  return JSON.stringify(texts)
}
