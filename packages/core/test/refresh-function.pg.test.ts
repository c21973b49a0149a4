import { expect, test, vi } from 'vitest'
import type { RefreshContext, RefreshDecision, RefreshFunction } from '../src/index.js'
import { ManualClock } from './support/clock.js'
import { openShop, type Shop } from './support/shop.js'
import { nextUpdate, refreshesOf } from './support/updates.js'
import type { TestData } from './support/database.js'

interface User {
  readonly id: number
  readonly name: string
}

const users = (shop: TestData<Shop>) => shop.db.selectFrom('users').select(['id', 'name']).orderBy('id')

test('parity 36: it receives a connection, the current result, and the change', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  const contexts: RefreshContext<Shop, User>[] = []
  const found: unknown[] = []
  const live = realtime.live(users(shop), {
    async refresh(context) {
      contexts.push(context)
      found.push(await context.db.selectFrom('orders').select('code').where('user_id', '=', 1).executeTakeFirst())
      return true
    },
  })
  const rows = await live.ready
  await realtime.settle()
  await shop.run(`update users set name = 'Eve' where id = 1`)
  await realtime.barrier()
  expect(contexts[0]!.rows).toBe(rows)
  expect(contexts[0]!.change).toMatchObject({
    operation: 'update',
    table: 'users',
    row: { id: 1, name: 'Eve', status: 'active' },
    changes: { name: ['Ada', 'Eve'] },
  })
  expect(found).toEqual([{ code: 'A-1' }])
  expect(live.single?.name).toBe('Eve')
})

test.each<[string, RefreshDecision, boolean]>([
  ['true', true, true],
  ['false', false, false],
  ['undefined', undefined, false],
  ['null', null, false],
  ['a promise', true, true],
])('parity 37: an answer of %s decides', async (name, answer, refreshes) => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  const refresh = () => (name === 'a promise' ? Promise.resolve(answer) : answer)
  const live = realtime.live(users(shop), { refresh })
  await live.ready
  await realtime.settle()
  await shop.run(`update users set name = 'Eve' where id = 1`)
  await realtime.barrier()
  expect(live.single?.name).toBe(refreshes ? 'Eve' : 'Ada')
})

test('parity 37: TRUNCATE, very large statements and gaps refresh without being asked', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  const never = vi.fn(() => false)
  const live = realtime.live(users(shop), { refresh: never })
  await live.ready
  await realtime.settle()
  await shop.run(`insert into users (name) select 'user ' || n from generate_series(1, 20000) n`)
  await realtime.barrier()
  expect(live.rows).toHaveLength(20_002)
  await shop.run(`truncate users cascade`)
  await realtime.barrier()
  expect(live.rows).toEqual([])
  expect(never).not.toHaveBeenCalled()
})

test('parity 37: changes during a lost connection refresh without being asked', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  const live = realtime.live(users(shop), { refresh: () => false })
  await live.ready
  await realtime.settle()
  const stale = nextUpdate(live)
  await shop.run(
    `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name like 'pg-realtime%'`,
  )
  await stale
  await shop.run(`update users set name = 'Eve' where id = 1`)
  await realtime.barrier()
  expect(live.single?.name).toBe('Eve')
})

test('parity 38: the answer “default” falls back, for the table that it is given for', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  const refresh: RefreshFunction<Shop, { code: string; name: string }> = ({ change }) =>
    change.table === 'users' ? 'default' : false
  const live = realtime.live(
    shop.db
      .selectFrom('orders')
      .innerJoin('users', 'users.id', 'orders.user_id')
      .select(['code', 'name'])
      .orderBy('code'),
    { refresh },
  )
  await live.ready
  await realtime.settle()
  const before = refreshesOf(live)
  await shop.run(`update orders set code = 'A-2' where id = 1`)
  await shop.run(`update users set avatar = 'unused' where id = 1`)
  await realtime.barrier()
  expect(refreshesOf(live)).toBe(before)
  await shop.run(`update users set name = 'Eve' where id = 1`)
  await realtime.barrier()
  expect(live.single).toEqual({ code: 'A-2', name: 'Eve' })
})

test('parity 39: it is not throttled', async () => {
  await using shop = await openShop()
  const clock = new ManualClock()
  await using realtime = shop.engine({ throttleMs: 60_000 }, { clock, heartbeatMs: 3_600_000 })
  const asked: unknown[] = []
  const live = realtime.live(users(shop), { refresh: ({ change }) => asked.push(change.row['name']) < 0 })
  await live.ready
  await realtime.settle()
  const before = refreshesOf(live)
  for (const name of ['Eve', 'Mallory', 'Trent']) {
    await shop.run(`update users set name = $1 where id = 1`, [name])
    await realtime.barrier()
  }
  expect(asked).toEqual(['Eve', 'Mallory', 'Trent'])
  expect(refreshesOf(live)).toBe(before)
})

test('parity 39: its failure touches no other live query, and refreshes its own', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  const broken = realtime.live(users(shop), { refresh: () => Promise.reject(new Error('broken')) })
  const failing = realtime.live(users(shop), {
    refresh: async ({ db }) =>
      (
        await db
          .selectFrom('nowhere' as 'users')
          .select('id')
          .execute()
      ).length > 0,
  })
  const sound = realtime.live(users(shop), { refresh: () => true })
  const all = [broken, failing, sound]
  await Promise.all(all.map((live) => live.ready))
  await realtime.settle()
  await shop.run(`update users set name = 'Eve' where id = 1`)
  await realtime.barrier()
  expect(all.map((live) => live.single?.name)).toEqual(['Eve', 'Eve', 'Eve'])
  expect(realtime.errors.map(({ code }) => code)).toEqual(['REFRESH_FILTER_FAILED', 'REFRESH_FILTER_FAILED'])
})

test('parity 39: one that never answers holds up nobody else', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  const stuck = realtime.live(users(shop), { refresh: () => new Promise<boolean>(() => {}) })
  const sound = realtime.live(users(shop))
  await Promise.all([stuck.ready, sound.ready])
  await realtime.settle()
  const changed = nextUpdate(sound)
  await shop.run(`update users set name = 'Eve' where id = 1`)
  expect((await changed).rows[0]).toEqual({ id: 1, name: 'Eve' })
})
