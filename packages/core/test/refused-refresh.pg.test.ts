/** The pool gives no connection, or loses each one, while the engine's own connections are sound: queries are told, once. */
import { sql } from 'kysely'
import { describe, expect, test, vi } from 'vitest'
import type { RealtimeError } from '../src/index.js'
import { ManualClock } from './support/clock.js'
import type { TestData } from './support/database.js'
import { startEngine } from './support/engine.js'
import { openGate, type Gate } from './support/gate.js'
import { openThroughProxy } from './support/proxy.js'
import { openShop, type Shop } from './support/shop.js'
import { nextRefresh, recordRefreshes, recordUpdates, until } from './support/updates.js'

const HOUR = 3_600_000

const names = (db: TestData<Shop>['db'], id = 1) => db.selectFrom('users').select('name').where('id', '=', id)

test('a pool that refuses: each query is stale with the reason, is told once, and is right when the pool is back', async () => {
  await using shop = await openShop()
  await using application = await openThroughProxy(shop)
  const listen = { connectionString: shop.connectionString }
  await using realtime = startEngine({ ...application, listen, throttleMs: 0 })
  const told: RealtimeError[][] = [[], []]
  const lives = told.map((errors, n) =>
    realtime.live(names(application.db, n + 1), { onError: (error) => errors.push(error) }),
  )
  await Promise.all(lives.map(({ ready }) => ready))
  await realtime.settle()
  const updates = recordUpdates(lives[0]!)
  const refreshes = recordRefreshes(realtime)
  application.proxy.cut()
  await shop.run(`update users set name = 'Eve'`)
  await expect(realtime.barrier()).rejects.toMatchObject({
    code: 'BARRIER_FAILED',
    queries: [expect.any(String), expect.any(String)],
  })
  expect(realtime.status).toBe('live')
  for (const live of lives) {
    expect(live).toMatchObject({ status: 'stale', error: { code: 'CONNECTION_LOST', cause: expect.any(Error) } })
    expect(live.error!.message).toMatch(/pool gave no connection/)
  }
  // Later tries are reported, and told to nobody.
  await vi.waitFor(() => expect(refreshes.length).toBeGreaterThanOrEqual(6))
  expect(told.map(({ length }) => length)).toEqual([1, 1])
  application.proxy.restore()
  await Promise.all(lives.map((live) => until(live, ({ status }) => status === 'live')))
  expect(lives.map(({ single, error }) => [single, error])).toEqual([1, 2].map(() => [{ name: 'Eve' }, undefined]))
  expect(updates.map(({ status }) => status)).toEqual(['stale', 'live'])
  await realtime.barrier()
})

test('a pool whose connections are all held: told when the wait for one is over, and a first result is rejected', async () => {
  await using shop = await openShop({ pool: { max: 2 } })
  const clock = new ManualClock()
  await using realtime = shop.engine({ auditMs: HOUR }, { clock, heartbeatMs: HOUR })
  const live = realtime.live(names(shop.db))
  await live.ready
  await realtime.settle()
  const held = await Promise.all([shop.pool.connect(), shop.pool.connect()])
  await shop.run(`update users set name = 'Eve'`)
  const barrier = realtime.barrier()
  // Analyzed before, with other parameters.
  const first = realtime.live(names(shop.db, 2))
  const failed = Promise.all([
    expect(barrier).rejects.toMatchObject({ code: 'BARRIER_FAILED' }),
    expect(first.ready).rejects.toMatchObject({ code: 'CONNECTION_LOST' }),
  ])
  await vi.waitFor(() => {
    clock.advance(5_000)
    expect([live.status, first.error?.code]).toEqual(['stale', 'CONNECTION_LOST'])
  })
  await failed
  expect(live.error!.message).toMatch(/pool had no connection free/)
  expect(first).toMatchObject({ status: 'pending', rows: [] })
  for (const client of held) client.release()
  await vi.waitFor(() => {
    clock.advance(10_000)
    expect([live.status, first.status]).toEqual(['live', 'live'])
  })
  expect([live.single, first.single]).toEqual([{ name: 'Eve' }, { name: 'Eve' }])
})

describe('a backend that is ended while it runs a query', () => {
  const terminate = async (shop: TestData<Shop>, gate: Gate) => {
    await gate.someoneWaits()
    await shop.run(`select pg_terminate_backend(pid, 5000) from pg_locks where locktype = 'advisory' and not granted
      and database = (select oid from pg_database where datname = current_database())`)
  }
  const open = async () => {
    const shop = await openShop()
    const [gate, realtime] = [await openGate(shop), shop.engine()]
    const live = realtime.live(sql<{ name: string }>`select name from users ${gate.join} order by id`, {
      refreshEvery: false,
    })
    await live.ready
    await realtime.settle()
    await gate.close()
    const updates = recordUpdates(live)
    await shop.run(`update users set name = 'Eve' where id = 1`)
    return { shop, gate, realtime, live, updates }
  }

  test('is replaced in silence', async () => {
    const { shop, gate, realtime, live, updates } = await open()
    await using _ = shop
    await using __ = realtime
    await using ___ = gate
    await terminate(shop, gate)
    await gate.someoneWaits()
    await gate.open()
    await realtime.barrier()
    expect(live.single).toEqual({ name: 'Eve' })
    expect(updates.map(({ kind }) => kind)).toEqual(['rows'])
    expect(realtime.errors).toEqual([])
  })

  test('again and again is told', async () => {
    const { shop, gate, realtime, live } = await open()
    await using _ = shop
    await using __ = realtime
    await using ___ = gate
    const failed = nextRefresh(realtime)
    const barrier = expect(realtime.barrier()).rejects.toMatchObject({ code: 'BARRIER_FAILED' })
    for (let n = 0; n < 2; n += 1) await terminate(shop, gate)
    expect(await failed).toMatchObject({ error: { code: 'CONNECTION_LOST', cause: { code: '57P01' } } })
    await barrier
    expect(live.status).toBe('stale')
    await terminate(shop, gate)
    await gate.open()
    await until(live, ({ status }) => status === 'live')
    expect(live.single).toEqual({ name: 'Eve' })
    expect(realtime.errors).toMatchObject([{ code: 'CONNECTION_LOST' }])
  })
})

test('a restart of the database is told by the lost connection alone', async () => {
  await using shop = await openShop()
  await using application = await openThroughProxy(shop)
  await using realtime = startEngine({ ...application, throttleMs: 0 })
  const told: RealtimeError[] = []
  const live = realtime.live(names(application.db), { onError: (error) => told.push(error) })
  await live.ready
  await realtime.settle()
  const updates = recordUpdates(live)
  for (const name of ['Eve', 'Mallory', 'Trent']) {
    application.proxy.cut()
    await shop.run('update users set name = $1', [name])
    await until(live, ({ status }) => status === 'stale')
    application.proxy.restore()
    await until(live, ({ single, status }) => single?.name === name && status === 'live')
  }
  expect(updates.filter(({ status }) => status === 'stale')).toHaveLength(3)
  expect(told).toEqual([])
})
