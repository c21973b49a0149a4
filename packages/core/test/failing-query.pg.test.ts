import { sql } from 'kysely'
import { expect, test, vi } from 'vitest'
import { createRealtime, QueryFailedError, type RealtimeError } from '../src/index.js'
import { ManualClock } from './support/clock.js'
import { openShop } from './support/shop.js'
import { Tap } from './support/tap.js'
import { nextRefresh, nextUpdate, recordUpdates, until } from './support/updates.js'

const HOUR = 3_600_000

const perPiece = sql<{ id: number; each: string }>`select id, price / quantity as each from items order by id`

test('parity 50: a failing query tells the handler, keeps its rows, and recovers by itself', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  const failures: [RealtimeError, { sql: string; parameters: readonly unknown[] }][] = []
  const live = realtime.live(perPiece, { onError: (...failure) => failures.push(failure) })
  const rows = await live.ready
  const updates = recordUpdates(live)
  await shop.run('update items set quantity = 0 where id = 1')
  await expect(realtime.barrier()).rejects.toMatchObject({ code: 'BARRIER_FAILED' })
  expect(failures[0]).toMatchObject([{ code: 'QUERY_FAILED', cause: { code: '22012' } }, { parameters: [] }])
  expect(failures[0]![1].sql).toMatch(/price \/ quantity/)
  expect(live).toMatchObject({ status: 'stale', error: expect.any(QueryFailedError) })
  expect(live.rows).toBe(rows)
  expect(updates[0]).toMatchObject({ kind: 'status', status: 'stale', rows })
  expect(realtime.errors.map(String)).toEqual([])

  await shop.run('update items set quantity = 2 where id = 1')
  await until(live, ({ status }) => status === 'live')
  expect(live).toMatchObject({ error: undefined, single: { id: 1, each: '0.50000000000000000000' } })
})

test('parity 50: without a handler of its own, the engine’s is told; without that, the error is logged', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  const live = realtime.live(perPiece)
  await live.ready
  await shop.run('update items set quantity = 0 where id = 1')
  await until(live, ({ status }) => status === 'stale')
  expect(realtime.errors).toMatchObject([{ code: 'QUERY_FAILED' }])
  await realtime.stop()

  const log = vi.spyOn(console, 'error').mockImplementation(() => {})
  try {
    const silent = createRealtime({ db: shop.db, pool: shop.pool })
    await expect(silent.live(perPiece).ready).rejects.toThrow(/division by zero/)
    await silent.stop()
    expect(log).toHaveBeenCalledWith(expect.objectContaining({ code: 'QUERY_FAILED' }))
  } finally {
    log.mockRestore()
  }
})

test('parity 50, fault 17: a failed refresh is tried again with a growing delay, without any change', async () => {
  await using shop = await openShop()
  const reader = await shop.role()
  await shop.run(`grant select on users to ${reader.name}`)
  const clock = new ManualClock()
  const tap = new Tap()
  await using realtime = shop.engine(
    { auditMs: HOUR },
    { clock, source: tap.source, heartbeatMs: HOUR, random: () => 1 },
  )
  const live = realtime.live(shop.db.selectFrom('users').select('name').orderBy('id'), { scope: { role: reader.name } })
  await live.ready
  await realtime.settle()
  const failed = nextRefresh(realtime)
  await shop.run(`revoke select on users from ${reader.name}; update users set name = 'Eve' where id = 1`)
  tap.wake()
  expect(await failed).toMatchObject({ error: { code: 'PERMISSION_DENIED' } })
  // Delays double, from 500 ms on.
  for (const delay of [500, 1_000, 2_000, 4_000]) {
    const again = nextRefresh(realtime)
    const before = live.explain().refreshes
    clock.advance(delay - 1)
    clock.advance(1)
    expect(await again).toMatchObject({
      reasons: expect.arrayContaining([{ kind: 'retry' }]),
      error: expect.anything(),
    })
    expect(live.explain().refreshes).toBe(before + 1)
  }
  await shop.run(`grant select on users to ${reader.name}`)
  clock.advance(8_000)
  await until(live, ({ status }) => status === 'live')
  expect(live.single).toEqual({ name: 'Eve' })
})

test('fault 17: a first query that fails says so, and has a result once it can', async () => {
  await using shop = await openShop()
  await shop.run('update items set quantity = 0 where id = 1')
  await using realtime = shop.engine()
  const live = realtime.live(perPiece)
  await expect(live.ready).rejects.toBeInstanceOf(QueryFailedError)
  expect(live).toMatchObject({ status: 'pending', rows: [], error: { code: 'QUERY_FAILED' } })
  const result = nextUpdate(live)
  await shop.run('update items set quantity = 1 where id = 1')
  expect(await result).toMatchObject({ kind: 'rows', status: 'live', error: undefined })
  expect(live.rows).toHaveLength(2)
})

test('a failing query disturbs no other, also of the same refresh', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine({ maxRefreshConnections: 1 })
  const failing = realtime.live(perPiece)
  const sound = Array.from({ length: 5 }, (_, n) =>
    realtime.live(shop.db.selectFrom('items').select('quantity').where('id', '>', -n)),
  )
  await Promise.all([failing, ...sound].map((live) => live.ready))
  await shop.run('update items set quantity = 0')
  await expect(realtime.barrier()).rejects.toMatchObject({ code: 'BARRIER_FAILED' })
  for (const live of sound) expect(live).toMatchObject({ status: 'live', rows: [{ quantity: 0 }, { quantity: 0 }] })
  expect(failing.status).toBe('stale')
})

test('a query that runs too long fails, and holds up nobody', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine({ statementTimeoutMs: 200 })
  const slow = realtime.live(
    sql<{ id: number }>`select id from users where name <> 'slow' or (select count(*) from pg_sleep(30)) is null`,
    { refreshEvery: false },
  )
  const sound = realtime.live(shop.db.selectFrom('users').select('name').orderBy('id'))
  await Promise.all([slow.ready, sound.ready])
  await shop.run(`update users set name = 'slow' where id = 1`)
  await until(slow, ({ status }) => status === 'stale')
  expect(slow.error).toMatchObject({ code: 'QUERY_FAILED', cause: { code: '57014' } })
  expect(slow.error!.message).toMatch(/statementTimeoutMs/)
  await until(sound, ({ single }) => single?.name === 'slow')
})

test('parity 51: a listener, an observer or a handler that throws is reported, and the engine lives on', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  const fail = (what: string) => () => {
    throw new Error(what)
  }
  const live = realtime.live(shop.db.selectFrom('users').select('name').orderBy('id'))
  await live.ready
  live.subscribe(fail('a listener'))
  realtime.observe(fail('an observer'))
  const seen = recordUpdates(live)
  await shop.run(`update users set name = 'Eve' where id = 1`)
  await realtime.barrier()
  await shop.run(`update users set name = 'Mallory' where id = 1`)
  await realtime.barrier()
  expect(seen).toMatchObject([{ rows: [{ name: 'Eve' }, {}] }, { rows: [{ name: 'Mallory' }, {}] }])
  expect(new Set(realtime.errors.map(({ code }) => code))).toEqual(new Set(['LISTENER_FAILED']))
  expect(realtime.errors.map(({ cause }) => (cause as Error).message)).toContain('an observer')

  const failing = realtime.live(perPiece, { onError: fail('a handler') })
  await failing.ready
  await shop.run('update items set quantity = 0')
  await until(failing, ({ status }) => status === 'stale')
  await vi.waitFor(() => expect(realtime.errors.map(({ cause }) => (cause as Error).message)).toContain('a handler'))
})

test('parity 51: reading the changes fails once: reported, and nothing is lost', async () => {
  await using shop = await openShop()
  let isBroken = false
  const tap = new Tap({
    beforeRead() {
      if (!isBroken) return
      isBroken = false
      throw new Error('a broken log')
    },
  })
  await using realtime = shop.engine({}, { source: tap.source })
  const live = realtime.live(shop.db.selectFrom('users').select('name').orderBy('id'))
  await live.ready
  isBroken = true
  await shop.run(`update users set name = 'Eve' where id = 1`)
  await until(live, ({ single, status }) => single?.name === 'Eve' && status === 'live')
  expect(realtime.errors.map(({ message }) => message).join('\n')).toMatch(/a broken log/)
})
