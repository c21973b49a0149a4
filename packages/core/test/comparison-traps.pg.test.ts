/** What a comparison means can depend on types, settings, collations and filters: routing must not decide it otherwise. */
import { sql, type Compilable, type Kysely } from 'kysely'
import { expect, test } from 'vitest'
import type { LiveOptions } from '../src/index.js'
import type { TestData } from './support/database.js'
import { openShop, type Shop } from './support/shop.js'

/** Tables of a single test. */
interface Tables {
  events: { id: number; owner: number; at: Date }
  slots: { owner: number; local_at: Date }
  days: { id: number; day: string }
  moments: { id: number; at: string }
  codes: { id: number; code: string }
  bounds: { owner: number; code: string }
  labels: { id: number; label: string }
}

interface Trap {
  readonly setup: string
  readonly query: (db: Kysely<Tables>) => Compilable<{ id: number }>
  readonly options?: Pick<LiveOptions<Shop, { id: number }>, 'scope' | 'refreshEvery'>
  readonly change: string
}

const union = (db: Kysely<Tables>) =>
  db
    .selectFrom('days')
    .select(['id', 'day as at'])
    .unionAll(db.selectFrom('moments').select(['id', 'at']))

const TRAPS: Readonly<Record<string, Trap>> = {
  'two types of time, compared in the time zone of the scope': {
    setup: `create table events (id int primary key, at timestamptz); create table slots (owner int, local_at timestamp);
      insert into slots values (1, '2024-06-01 08:00')`,
    query: (db) =>
      db
        .selectFrom('events as e')
        .innerJoin('slots as s', 's.local_at', 'e.at')
        .select('e.id')
        .where('s.owner', '=', 1),
    options: { scope: { settings: { TimeZone: 'America/New_York' } }, refreshEvery: false },
    change: `insert into events values (1, '2024-06-01 12:00Z')`,
  },
  'a moment written without a time zone, of a partner': {
    setup: `create table events (id int primary key, owner int, at timestamptz); create table codes (id int, code text);
      insert into events values (1, 1, '2024-06-01 12:00Z')`,
    query: (db) =>
      db
        .selectFrom('codes as c')
        .innerJoin('events as e', 'e.id', 'c.id')
        .select('c.id')
        .where('e.owner', '=', 1)
        .where('e.at', '=', sql.lit('2024-06-01 08:00' as never)),
    options: { scope: { settings: { TimeZone: 'America/New_York' } }, refreshEvery: false },
    change: `insert into codes values (1, 'a')`,
  },
  'a date that a union turns into a moment': {
    setup: 'create table days (id int, day date); create table moments (id int, at timestamp)',
    query: (db) => db.selectFrom(union(db).as('x')).select('x.id').where('x.at', '<', '2024-01-01 12:00'),
    change: `insert into days values (1, '2024-01-01')`,
  },
  '… and a literal': {
    setup: 'create table days (id int, day date); create table moments (id int, at timestamp)',
    query: (db) => db.selectFrom(union(db).as('x')).select('x.id').where('x.at', '<', sql.lit('2024-01-01 12:00')),
    change: `insert into days values (1, '2024-01-01')`,
  },
  'texts that are more by the collation of their column': {
    setup: `create table codes (id int, code text collate "und-x-icu"); create table bounds (owner int, code text);
      insert into bounds values (1, 'a')`,
    query: (db) =>
      db
        .selectFrom('codes as c')
        .innerJoin('bounds as b', (on) => on.onRef('c.code', '>', 'b.code'))
        .select('c.id')
        .where('b.owner', '=', 1),
    change: `insert into codes values (1, 'B')`,
  },
  'lists within the list of ANY': {
    setup: 'create table labels (id int, label text)',
    query: (db) =>
      db
        .selectFrom('labels')
        .select('id')
        .where('label', '=', sql<string>`any(${[['a', 'b']]})`),
    change: `insert into labels values (1, 'b')`,
  },
}

test.each(Object.entries(TRAPS))('%s', async (_, { setup, query, options, change }) => {
  await using shop = await openShop()
  await shop.run(setup)
  await using realtime = shop.engine()
  const live = realtime.live(query(shop.db as unknown as Kysely<Tables>), options)
  expect(await live.ready).toEqual([])
  await shop.run(change)
  await realtime.barrier()
  expect(live.rows).toHaveLength(1)
  expect(realtime.errors.map(String)).toEqual([])
})

const cheapest = ({ db }: TestData<Shop>) =>
  db.selectFrom('items').select(['id', 'product', 'quantity']).orderBy('quantity').limit(2)

test('a row that a filter let stay at its old place is no measure for what is behind', async () => {
  await using shop = await openShop()
  await shop.run(`update items set quantity = id * 5`)
  await using realtime = shop.engine()
  const live = realtime.live(cheapest(shop), { refresh: { items: { product: 'new' } } })
  await live.ready
  // The filter holds it back: the second one is not among the first two any more.
  await shop.run('update items set quantity = 100 where id = 2')
  await realtime.barrier()
  await shop.run(`insert into items (order_id, product, quantity) values (1, 'new', 50)`)
  await realtime.barrier()
  expect(live.rows.map(({ quantity }) => quantity)).toEqual([5, 50])
})
