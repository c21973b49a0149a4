/** Connections that end, servers that restart, networks that fail: the engine comes back by itself, and says what it knows. */
import { Kysely, PostgresDialect, sql } from 'kysely'
import { startPostgres } from '@pg-realtime/tooling/postgres'
import { createTcpProxy } from '@pg-realtime/tooling/tcp-proxy'
import pg from 'pg'
import { describe, expect, test, vi } from 'vitest'
import type { EngineStatus } from '../src/index.js'
import { compareSnapshots } from '../src/snapshot/token.js'
import { engineBackends, otherBackends, terminate } from './support/connections.js'
import { startEngine } from './support/engine.js'
import { openGate } from './support/gate.js'
import { openThroughProxy } from './support/proxy.js'
import { openShop, type Shop } from './support/shop.js'
import { nextUpdate, recordUpdates, until } from './support/updates.js'
import type { TestData } from './support/database.js'

const names = (db: TestData<Shop>['db']) => db.selectFrom('users').select('name').orderBy('id')

describe('fault 07: a lost connection is replaced, and nothing that happened meanwhile is missed', () => {
  test.each(['pg-realtime control', 'pg-realtime reader'])('%s', async (name) => {
    await using shop = await openShop()
    await using realtime = shop.engine()
    const statuses: EngineStatus[] = []
    realtime.onStatus((status) => statuses.push(status))
    const live = realtime.live(names(shop.db))
    await live.ready
    const updates = recordUpdates(live)
    const backends = await engineBackends(shop)
    expect(backends.map((backend) => backend.name)).toEqual(['pg-realtime control', 'pg-realtime reader'])
    await terminate(
      shop,
      backends.filter((backend) => backend.name === name),
    )
    await shop.run(`update users set name = 'Eve' where id = 1`)
    await until(live, ({ single, status }) => single?.name === 'Eve' && status === 'live')
    expect(updates[0]).toMatchObject({ kind: 'status', status: 'stale', rows: [{ name: 'Ada' }, { name: 'Bob' }] })
    expect(statuses).toEqual(['connecting', 'live', 'stale', 'live'])
    expect(realtime.errors).toMatchObject([{ code: 'CONNECTION_LOST' }])
    expect(await engineBackends(shop)).toHaveLength(2)

    await shop.run(`update users set name = 'Mallory' where id = 1`)
    await realtime.barrier()
    expect(live.single).toEqual({ name: 'Mallory' })
  })

  test('all connections at once, again and again, under writes', async () => {
    await using shop = await openShop()
    await using realtime = shop.engine()
    const lives = Array.from({ length: 5 }, (_, n) => realtime.live(names(shop.db).where('id', '<', 10 + n)))
    await Promise.all(lives.map((live) => live.ready))
    for (let round = 0; round < 5; round += 1) {
      await terminate(shop, await otherBackends(shop))
      await shop.run('update users set name = $1 where id = 1', [`round ${round}`])
      await Promise.all(lives.map((live) => until(live, ({ single }) => single?.name === `round ${round}`)))
    }
  })

  test('while a query runs', async () => {
    await using shop = await openShop()
    await using realtime = shop.engine()
    await using gate = await openGate(shop)
    const live = realtime.live(sql<{ name: string }>`select name from users ${gate.join} order by id`, {
      refreshEvery: false,
    })
    await live.ready
    await gate.close()
    await shop.run(`update users set name = 'Eve' where id = 1`)
    await gate.someoneWaits()
    await shop.run(`select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and not granted
      and database = (select oid from pg_database where datname = current_database())`)
    await gate.open()
    await until(live, ({ single }) => single?.name === 'Eve')
  })

  test('while a live query is being opened', async () => {
    await using shop = await openShop()
    await using realtime = shop.engine()
    await realtime.start()
    for (let round = 0; round < 5; round += 1) {
      const live = realtime.live(names(shop.db).where('id', '<', 10 + round))
      await terminate(shop, await otherBackends(shop))
      expect(await live.ready).toHaveLength(2)
    }
  })
})

test('a network cut: stale meanwhile, then right again', async () => {
  await using shop = await openShop()
  await using application = await openThroughProxy(shop)
  await using realtime = startEngine({ ...application, throttleMs: 0 })
  const live = realtime.live(names(application.db))
  await live.ready
  const stale = nextUpdate(live)
  application.proxy.cut()
  expect(await stale).toMatchObject({ kind: 'status', status: 'stale', error: { code: 'CONNECTION_LOST' } })
  expect(realtime.status).toBe('stale')
  await shop.run(`update users set name = 'Eve' where id = 1`)
  expect(live.rows).toEqual([{ name: 'Ada' }, { name: 'Bob' }])
  application.proxy.restore()
  await until(live, ({ single, status }) => single?.name === 'Eve' && status === 'live')
  expect(realtime.status).toBe('live')
})

test('a barrier during a cut waits for the connection', async () => {
  await using shop = await openShop()
  await using application = await openThroughProxy(shop)
  await using realtime = startEngine({ ...application, throttleMs: 0 })
  const live = realtime.live(names(application.db))
  await live.ready
  application.proxy.cut()
  await until(live, ({ status }) => status === 'stale')
  await shop.run(`update users set name = 'Eve' where id = 1`)
  const barrier = realtime.barrier()
  application.proxy.restore()
  await barrier
  expect(live).toMatchObject({ status: 'live', single: { name: 'Eve' } })
})

test('a live query that is opened during a cut has its result afterwards', async () => {
  await using shop = await openShop()
  await using application = await openThroughProxy(shop)
  await using realtime = startEngine({ ...application, throttleMs: 0 })
  const first = realtime.live(names(application.db))
  await first.ready
  application.proxy.cut()
  await until(first, ({ status }) => status === 'stale')
  const second = realtime.live(application.db.selectFrom('orders').select('code').orderBy('id'))
  application.proxy.restore()
  expect(await second.ready).toEqual([{ code: 'A-1' }, { code: 'B-1' }])
})

test('a network that swallows everything is noticed by its silence', async () => {
  await using shop = await openShop()
  await using application = await openThroughProxy(shop)
  await using realtime = startEngine({ ...application, throttleMs: 0 }, { heartbeatMs: 100 })
  const live = realtime.live(names(application.db))
  await live.ready
  application.proxy.blackhole()
  await until(live, ({ status }) => status === 'stale')
  await shop.run(`update users set name = 'Eve' where id = 1`)
  application.proxy.restore()
  await until(live, ({ single, status }) => single?.name === 'Eve' && status === 'live')
})

describe('a server', () => {
  const open = async () => {
    const server = await startPostgres({ dedicated: true })
    const pool = new pg.Pool({ connectionString: server.connectionString })
    pool.on('error', () => {})
    const db = new Kysely<Pick<Shop, 'users'>>({ dialect: new PostgresDialect({ pool }) })
    await pool.query(`create table users (id int primary key, name text); insert into users values (1, 'Ada')`)
    return { server, pool, db, users: db.selectFrom('users').select(['id', 'name']).orderBy('id') }
  }

  test.each(['fast', 'immediate'] as const)('that is restarted (%s) is found again', async (mode) => {
    const { server, pool, db, users } = await open()
    await using _ = server
    await using realtime = startEngine({ db, pool, throttleMs: 0 })
    const live = realtime.live(users)
    await live.ready
    const stale = nextUpdate(live)
    await server.restart(mode)
    expect(await stale).toMatchObject({ status: 'stale' })
    await pool.query(`update users set name = 'Eve'`)
    await until(live, ({ single, status }) => single?.name === 'Eve' && status === 'live')
    await pool.query(`update users set name = 'Mallory'`)
    await realtime.barrier()
    expect(live.single).toEqual({ id: 1, name: 'Mallory' })
    await realtime.stop()
    await pool.end()
  })

  test('that crashed, and lost its unlogged log, is found again', async () => {
    const { server, pool, db, users } = await open()
    await using _ = server
    await using realtime = startEngine({ db, pool, throttleMs: 0 })
    const live = realtime.live(users)
    await live.ready
    await pool.query('checkpoint')
    await server.kill()
    await server.restart()
    await vi.waitFor(() => pool.query(`insert into users values (2, 'Eve')`), { timeout: 10_000 })
    await until(live, ({ rows, status }) => rows.length === 2 && status === 'live')
    await realtime.stop()
    await pool.end()
  })

  test('that takes over from another one shows its own rows, under tokens that do not compare', async () => {
    const [old, heir] = [await open(), await open()]
    await using _ = old.server
    await using __ = heir.server
    await heir.pool.query(`update users set name = 'of the heir'`)
    const password = new URL(old.server.connectionString).password
    await heir.pool.query(`alter role postgres password '${password}'`)
    const target = { host: '127.0.0.1', port: old.server.port }
    await using proxy = await createTcpProxy(target)
    const pool = new pg.Pool({ connectionString: proxy.through(old.server.connectionString) })
    pool.on('error', () => {})
    const db = new Kysely<Pick<Shop, 'users'>>({ dialect: new PostgresDialect({ pool }) })
    await using realtime = startEngine({ db, pool, throttleMs: 0 })
    const live = realtime.live(db.selectFrom('users').select('name'))
    await live.ready
    const before = live.snapshot
    target.port = heir.server.port
    proxy.killConnections()
    await until(live, ({ single, status }) => single?.name === 'of the heir' && status === 'live')
    expect(compareSnapshots(before, live.snapshot)).toBe('incomparable')
    await heir.pool.query(`update users set name = 'later'`)
    await realtime.barrier()
    expect(live.single).toEqual({ name: 'later' })
    await realtime.stop()
    await Promise.all([pool.end(), old.pool.end(), heir.pool.end()])
  })
})

test('after a lost connection everything is refreshed, over no more connections than allowed', async () => {
  await using shop = await openShop()
  let [out, most] = [0, 0]
  shop.pool.on('acquire', () => (most = Math.max(most, (out += 1))))
  shop.pool.on('release', () => (out -= 1))
  await using realtime = shop.engine({ maxRefreshConnections: 2 })
  const lives = Array.from({ length: 60 }, (_, n) => realtime.live(names(shop.db).where('id', '<', 10 + n)))
  await Promise.all(lives.map((live) => live.ready))
  await terminate(shop, await engineBackends(shop))
  await until(lives[0]!, ({ status }) => status === 'stale')
  most = 0
  await Promise.all(lives.map((live) => until(live, ({ status }) => status === 'live')))
  expect(most).toBeGreaterThan(0)
  expect(most).toBeLessThanOrEqual(2)
})
