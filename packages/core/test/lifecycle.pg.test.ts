import { sql } from 'kysely'
import { expect, test, vi } from 'vitest'
import { createRealtime, InvalidOptionError, StillRunningError } from '../src/index.js'
import { engineBackends } from './support/connections.js'
import { openShop, type Shop } from './support/shop.js'
import { nextUpdate } from './support/updates.js'
import type { TestData } from './support/database.js'

const names = (shop: TestData<Shop>) => shop.db.selectFrom('users').select('name').orderBy('id')

const engineConnections = (shop: TestData<Shop>) =>
  shop.run(`select from pg_stat_activity where datname = current_database() and application_name like 'pg-realtime%'`)

const ownTriggers = (shop: TestData<Shop>) =>
  shop.run<{ tgname: string }>(`select tgname from pg_trigger where tgname like '\\_pg\\_realtime%' order by 1`)

test('parity 01: starting again, also at the same time, changes nothing', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  await Promise.all([realtime.start(), realtime.start()])
  const connections = await engineConnections(shop)
  await realtime.start()
  expect(await engineConnections(shop)).toHaveLength(connections.length)
  expect(realtime.status).toBe('live')
})

test('parity 01: an error handler and a polling interval can be set', async () => {
  await using shop = await openShop()
  const errors: unknown[] = []
  await using realtime = shop.engine({ doorbell: false, safetyPollMs: 20, onError: (error) => errors.push(error) })
  const live = realtime.live(names(shop))
  await live.ready
  await shop.run(`update users set name = 'Eve' where id = 1`)
  await vi.waitFor(() => expect(live.single?.name).toBe('Eve'))
  live.subscribe(() => {
    throw new Error('a broken listener')
  })
  const changed = nextUpdate(live)
  await shop.run(`update users set name = 'Mallory' where id = 1`)
  await changed
  expect(errors).toMatchObject([{ code: 'LISTENER_FAILED' }])
})

test('parity 02: start creates what it needs, and no extension', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  await realtime.live(names(shop)).ready
  expect(await shop.run(`select from pg_namespace where nspname = '_pg_realtime'`)).toHaveLength(1)
  expect(await shop.run(`select from pg_proc where proname = '_pg_realtime_notify_users'`)).toHaveLength(1)
  const triggers = (await ownTriggers(shop)).map(({ tgname }) => tgname)
  expect(triggers).not.toHaveLength(0)
  for (const name of triggers) expect(name).toMatch(/^_pg_realtime_trigger_users/)
  expect(await shop.run('select extname from pg_extension')).toEqual([{ extname: 'plpgsql' }])
})

test('parity 03: a live query starts the engine by itself', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  expect(realtime.status).toBe('stopped')
  const live = realtime.live(names(shop))
  expect(await live.ready).toEqual([{ name: 'Ada' }, { name: 'Bob' }])
  expect(realtime.status).toBe('live')
})

test('parity 04: stop ends every live query, keeps the objects, and start works again', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  const live = realtime.live(names(shop), { id: 'names' })
  await live.ready
  const ended = nextUpdate(live)
  const triggers = await ownTriggers(shop)
  await realtime.stop()
  expect(await ended).toMatchObject({ kind: 'status', status: 'closed', error: { code: 'CLOSED' } })
  expect(realtime).toMatchObject({ status: 'stopped', size: 0 })
  expect(realtime.get('names')).toBeUndefined()
  expect(await ownTriggers(shop)).toEqual(triggers)
  await expect(realtime.live(names(shop)).ready).rejects.toMatchObject({ code: 'CLOSED' })

  await realtime.start()
  const again = realtime.live(names(shop))
  await again.ready
  await shop.run(`update users set name = 'Eve' where id = 1`)
  await realtime.barrier()
  expect(again.single?.name).toBe('Eve')
})

test('parity 04: a live query that is being opened when the engine stops is closed', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  const live = realtime.live(names(shop))
  await realtime.stop()
  await expect(live.ready).rejects.toMatchObject({ code: 'CLOSED' })
  expect(live.status).toBe('closed')
})

test('parity 04: a stop counts, whatever was asked for before it in the same moment', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  const started = realtime.start()
  const stopped = realtime.stop()
  await expect(started).rejects.toMatchObject({ code: 'CLOSED' })
  await stopped
  const again = realtime.start()
  await again
  const live = realtime.live(names(shop))
  const outcomes = Promise.allSettled([live.ready, realtime.stop(), realtime.start(), realtime.stop()])
  expect((await outcomes).map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'rejected', 'fulfilled'])
  expect(realtime.status).toBe('stopped')
  await expect(realtime.live(names(shop)).ready).rejects.toMatchObject({ code: 'CLOSED' })
  await vi.waitFor(async () => expect(await engineConnections(shop)).toEqual([]))
})

test('parity 05: uninstalling is refused while the engine runs', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  const live = realtime.live(names(shop))
  await live.ready
  await expect(realtime.uninstall()).rejects.toBeInstanceOf(StillRunningError)
  await shop.run(`update users set name = 'Eve' where id = 1`)
  await realtime.barrier()
  expect(live.single?.name).toBe('Eve')
})

test('parity 07: two servers on one database both receive', async () => {
  await using shop = await openShop()
  const other = shop.application()
  await using first = shop.engine()
  await using second = shop.engine(other)
  const lives = [first.live(names(shop)), second.live(other.db.selectFrom('users').select('name').orderBy('id'))]
  await Promise.all(lives.map((live) => live.ready))
  const updates = lives.map((live) => nextUpdate(live))
  await shop.run(`update users set name = 'Eve' where id = 1`)
  for (const update of await Promise.all(updates)) expect(update.rows[0]).toEqual({ name: 'Eve' })
})

test('parity 08: it works whoever writes', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  const products = realtime.live(shop.db.selectFrom('items').select('product').orderBy('id'))
  await products.ready
  const shown = async () => {
    await realtime.barrier()
    return products.rows.map(({ product }) => product)
  }
  // The application itself.
  await shop.db.insertInto('items').values({ order_id: 1, product: 'cherry', price: '1', quantity: 1 }).execute()
  expect(await shown()).toEqual(['apple', 'banana', 'cherry'])
  // Another service, under a role of its own, which sees nothing of ours.
  const service = await shop.role()
  await shop.run(
    `grant insert on items to ${service.name}; grant usage on all sequences in schema public to ${service.name}`,
  )
  await (await shop.connect(service.login)).query(`insert into items (order_id, product) values (1, 'date')`)
  expect(await shown()).toEqual(['apple', 'banana', 'cherry', 'date'])
  // COPY.
  await shop.run(`copy items (order_id, product) from program 'printf "1\\telder\\n2\\tfig\\n"'`)
  expect(await shown()).toEqual(['apple', 'banana', 'cherry', 'date', 'elder', 'fig'])
  // A foreign key's cascade, two tables away.
  await shop.run('delete from users where id = 1')
  expect(await shown()).toEqual(['banana', 'fig'])
  // A function, a trigger's way of writing.
  await shop.run(`do $$ begin update items set product = upper(product); end $$`)
  expect(await shown()).toEqual(['BANANA', 'FIG'])
  // A view.
  await shop.run(`create view figs as select * from items where product = 'FIG'; update figs set product = 'figs'`)
  expect(await shown()).toEqual(['BANANA', 'figs'])
})

test('parity 15: it works on the application’s pool, also on one of a single connection', async () => {
  await using shop = await openShop({ pool: { max: 1 } })
  await using realtime = shop.engine()
  const users = realtime.live(shop.db.selectFrom('users').selectAll().orderBy('id'), {
    refresh: async ({ db }) => (await db.selectFrom('orders').select('id').execute()).length > 0,
  })
  const orders = realtime.live(shop.db.selectFrom('orders').select('code').orderBy('id'))
  await Promise.all([users.ready, orders.ready])
  await shop.run(`update users set name = 'Eve' where id = 1; update orders set code = 'A-2' where id = 1`)
  await realtime.barrier()
  expect([users.single?.name, orders.single?.code]).toEqual(['Eve', 'A-2'])
})

test('parity 15: more refreshes at once than the pool has connections are refused', async () => {
  await using shop = await openShop({ pool: { max: 2 } })
  expect(() => shop.engine({ maxRefreshConnections: 3 })).toThrow(InvalidOptionError)
  expect(() => shop.engine({ maxRefreshConnections: 3 })).toThrow(/pool has only 2/)
})

test('parity 15: installing can use other credentials than querying', async () => {
  await using shop = await openShop()
  const reader = await shop.role()
  await shop.run(`grant select on users to ${reader.name}`)
  const application = shop.application({ pool: reader.login })
  const installer = { connectionString: shop.connectionString }
  await using realtime = shop.engine({ ...application, installer })
  const live = realtime.live(application.db.selectFrom('users').select(['name', sql<string>`current_user`.as('me')]))
  expect(await live.ready).toContainEqual({ name: 'Ada', me: reader.name })
  await shop.run(`update users set name = 'Eve' where id = 1`)
  await realtime.barrier()
  expect(live.rows).toContainEqual({ name: 'Eve', me: reader.name })
})

test('fault 18: a start that fails leaves no connection open', async () => {
  await using shop = await openShop()
  const nobody = await shop.role()
  const application = shop.application({ pool: nobody.login })
  await using realtime = shop.engine(application)
  for (let attempt = 0; attempt < 3; attempt += 1) {
    await expect(realtime.start()).rejects.toMatchObject({ code: 'INSTALL_FAILED' })
    await expect(realtime.live(application.db.selectFrom('users').select('id')).ready).rejects.toMatchObject({
      code: 'INSTALL_FAILED',
    })
  }
  // Nothing was stopped: what failed has cleaned up after itself. What the pool keeps is the application's.
  await vi.waitFor(async () => expect(await engineBackends(shop)).toEqual([]))
  expect(application.pool.totalCount).toBe(application.pool.idleCount)
})

test('fault 18: an engine whose start failed can be started once the reason is gone', async () => {
  await using shop = await openShop()
  const late = await shop.role()
  await shop.run(`alter role ${late.name} nologin`)
  const application = shop.application({ pool: late.login })
  await using realtime = shop.engine({ ...application, installer: { connectionString: shop.connectionString } })
  await expect(realtime.start()).rejects.toMatchObject({ code: 'CONNECTION_LOST' })
  expect(realtime.status).toBe('stopped')
  await shop.run(`alter role ${late.name} login`)
  await realtime.start()
  expect(realtime.status).toBe('live')
})

test('createRealtime makes the same engine', async () => {
  await using shop = await openShop()
  const realtime = createRealtime({ db: shop.db, pool: shop.pool })
  expect(await realtime.live(names(shop)).ready).toHaveLength(2)
  await realtime.stop()
})
