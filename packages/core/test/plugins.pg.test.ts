/** Kysely plugins: results, refresh maps and change events are in the application's names. */
import {
  CamelCasePlugin,
  Kysely,
  ParseJSONResultsPlugin,
  PostgresAdapter,
  PostgresDialect,
  sql,
  SqliteDialect,
  WithSchemaPlugin,
} from 'kysely'
import { jsonArrayFrom } from 'kysely/helpers/postgres'
import { expect, test } from 'vitest'
import { createRealtime, PluginMismatchError, result, UnsupportedDatabaseError } from '../src/index.js'
import { openDatabase } from './support/database.js'
import { refreshesOf } from './support/updates.js'

interface Camel {
  orderItems: { itemId: number; unitPrice: string; orderId: number }
}

const SETUP = `create table order_items (item_id int primary key, unit_price numeric, order_id int);
  insert into order_items values (1, 2.50, 7)`

const openCamel = () => openDatabase<Camel>(SETUP, { plugins: [new CamelCasePlugin()] })

test('rows come in camel case, and keep their identity', async () => {
  await using data = await openCamel()
  await using realtime = data.engine()
  const live = realtime.live(data.db.selectFrom('orderItems').selectAll().orderBy('itemId'))
  const [first] = await live.ready
  expect(first).toEqual({ itemId: 1, unitPrice: '2.50', orderId: 7 })
  await data.run('insert into order_items values (2, 3, 7)')
  await realtime.barrier()
  expect(live.rows[0]).toBe(first)
  expect(live.rows[1]).toEqual({ itemId: 2, unitPrice: '3', orderId: 7 })
})

test('raw SQL through the same db is transformed as well', async () => {
  await using data = await openCamel()
  await using realtime = data.engine()
  const live = realtime.live(sql<{ unitPrice: string }>`select unit_price from order_items`)
  expect(await live.ready).toEqual([{ unitPrice: '2.50' }])
})

test('the refresh map, result(…) and change events speak camel case', async () => {
  await using data = await openCamel()
  await using realtime = data.engine()
  const items = data.db.selectFrom('orderItems').select(['itemId', 'unitPrice', 'orderId']).orderBy('itemId')
  const changes: unknown[] = []
  const mapped = realtime.live(items, { refresh: { orderItems: { orderId: result('orderId') } } })
  const asked = realtime.live(items, { refresh: ({ change }) => changes.push(change) < 0 })
  await Promise.all([mapped.ready, asked.ready])
  await realtime.settle()
  const before = refreshesOf(mapped)
  await data.run('insert into order_items values (2, 1, 8)')
  await realtime.barrier()
  expect(refreshesOf(mapped)).toBe(before)
  await data.run('update order_items set unit_price = 9 where item_id = 1')
  await realtime.barrier()
  expect(mapped.single?.unitPrice).toBe('9')
  expect(changes).toMatchObject([
    { table: 'orderItems', operation: 'insert', row: { itemId: 2, unitPrice: '1', orderId: 8 } },
    { table: 'orderItems', operation: 'update', changes: { unitPrice: ['2.50', '9'] } },
  ])
})

test('columns are excluded, and dependencies declared, in camel case', async () => {
  await using data = await openDatabase<Camel>(
    `${SETUP}; create function total() returns numeric language plpgsql as 'begin return (select sum(unit_price) from order_items); end'`,
    { plugins: [new CamelCasePlugin()] },
  )
  await using realtime = data.engine({ exclude: { orderItems: ['unitPrice'] } })
  const hashed: ReadonlySet<string>[] = []
  const live = realtime.live(data.db.selectFrom('orderItems').select(['itemId', 'unitPrice']), {
    refresh: ({ change }) => Boolean(hashed.push(change.hashed)),
  })
  const total = realtime.live(sql<{ total: string }>`select total() as total`, {
    dependsOn: ['orderItems'],
    refreshEvery: false,
  })
  await Promise.all([live.ready, total.ready])
  await realtime.settle()
  await data.run('update order_items set unit_price = 9')
  await realtime.barrier()
  expect([live.single?.unitPrice, total.single?.total]).toEqual(['9', '9'])
  expect(hashed).toEqual([new Set(['unitPrice'])])
})

test('nested JSON is transformed as Kysely does it', async () => {
  await using data = await openDatabase<Camel>(SETUP, {
    plugins: [new CamelCasePlugin(), new ParseJSONResultsPlugin()],
  })
  await using realtime = data.engine()
  const query = data.db
    .selectFrom('orderItems as o')
    .select((eb) => [
      'o.itemId',
      jsonArrayFrom(eb.selectFrom('orderItems as i').select(['i.itemId', 'i.unitPrice']).orderBy('i.itemId')).as(
        'allItems',
      ),
    ])
  const live = realtime.live(query)
  expect(await live.ready).toEqual(await query.execute())
  await data.run('insert into order_items values (2, 3, 7)')
  await realtime.barrier()
  expect(live.rows).toEqual(await query.execute())
})

test('WithSchemaPlugin: the tables of its schema', async () => {
  await using data = await openDatabase<{ things: { id: number } }>(
    'create schema shop; create table shop.things (id int); create table things (id int)',
    { plugins: [new WithSchemaPlugin('shop')] },
  )
  await using realtime = data.engine()
  const live = realtime.live(data.db.selectFrom('things').select('id'), { refresh: { things: { id: 1 } } })
  await live.ready
  expect(live.explain().tables).toEqual([{ table: 'shop.things', columns: ['id'] }])
  await data.run('insert into shop.things values (1); insert into things values (1)')
  await realtime.barrier()
  expect(live.rows).toEqual([{ id: 1 }])
})

test('a query of a db with other plugins is refused', async () => {
  await using data = await openCamel()
  const plain = new Kysely<{ order_items: { item_id: number } }>({ dialect: new PostgresDialect({ pool: data.pool }) })
  await using realtime = data.engine()
  const error: unknown = await realtime
    .live(plain.selectFrom('order_items').select('item_id as itemId'))
    .ready.catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(PluginMismatchError)
  await using other = data.engine({ db: plain as never })
  await expect(other.live(data.db.selectFrom('orderItems').select('itemId')).ready).rejects.toBeInstanceOf(
    PluginMismatchError,
  )
  expect(await realtime.live(data.db.selectFrom('orderItems').select('itemId')).ready).toEqual([{ itemId: 1 }])
})

test('a query through db.withSchema(…) is as good as one of the db', async () => {
  await using data = await openDatabase<{ things: { id: number } }>(
    'create schema shop; create table shop.things (id int)',
    { plugins: [new CamelCasePlugin()] },
  )
  await using realtime = data.engine()
  const live = realtime.live(data.db.withSchema('shop').selectFrom('things').select('id'))
  await live.ready
  await data.run('insert into shop.things values (1)')
  await realtime.barrier()
  expect(live.rows).toEqual([{ id: 1 }])
})

/** As Kysely's adapter for PGlite is, from 0.29 on; before, the base class has no such property. */
class OneConnectionAdapter extends PostgresAdapter {
  constructor() {
    super()
    Object.defineProperty(this, 'supportsMultipleConnections', { value: false })
  }
}

class OneConnectionDialect extends PostgresDialect {
  override createAdapter() {
    return new OneConnectionAdapter()
  }
}

test('a db that is not on PostgreSQL, or a pool that is none, is refused', async () => {
  await using data = await openCamel()
  const sqlite = new Kysely<Camel>({ dialect: new SqliteDialect({ database: {} as never }) })
  expect(() => createRealtime({ db: sqlite, pool: data.pool })).toThrow(UnsupportedDatabaseError)
  const pglite = new Kysely<Camel>({ dialect: new OneConnectionDialect({ pool: data.pool }) })
  expect(() => createRealtime({ db: pglite, pool: data.pool })).toThrow(/PostgresDialect.*OneConnectionAdapter/)
  expect(() => createRealtime({ db: data.db, pool: {} as never })).toThrow(/pg\.Pool/)
  expect(() => createRealtime({ db: {} as never, pool: data.pool })).toThrow(/Kysely/)
})
