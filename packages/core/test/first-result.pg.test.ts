/** A commit at any moment is either in the first result or refreshes it. */
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import type { TestData } from './support/database.js'
import { openGate } from './support/gate.js'
import { openShop, type Shop } from './support/shop.js'
import { Tap, type TapHooks } from './support/tap.js'
import { until } from './support/updates.js'

const names = (shop: TestData<Shop>) => shop.db.selectFrom('users').select('name').orderBy('id')

const moments: (keyof TapHooks)[] = ['beforeStart', 'beforeWatch', 'afterWatch', 'beforeRead', 'afterRead']

test.each(moments)('fault 04: a commit during the first query’s %s is not lost', async (moment) => {
  await using shop = await openShop()
  let writes = 0
  const write = async () => {
    if (writes < 3) await shop.run('insert into users (name) values ($1)', [`user ${(writes += 1)}`])
  }
  const tap = new Tap({ [moment]: write })
  await using realtime = shop.engine({}, { source: tap.source })
  const live = realtime.live(names(shop))
  await live.ready
  expect(writes).toBeGreaterThan(0)
  await until(live, ({ rows }) => rows.length === 2 + writes)
})

test.each(['afterWatch', 'beforeRead', 'afterRead'] as const)(
  'fault 04: a transaction that writes during %s, and commits later, is not lost',
  async (moment) => {
    await using shop = await openShop()
    let isArmed = false
    const tap = new Tap({
      async [moment]() {
        if (!isArmed) return
        isArmed = false
        await shop.run(`begin; insert into users (name) values ('late')`)
      },
    })
    await using realtime = shop.engine({}, { source: tap.source })
    await realtime.live(shop.db.selectFrom('users').select('id')).ready
    isArmed = true
    const live = realtime.live(names(shop))
    expect(await live.ready).toHaveLength(2)
    expect(isArmed).toBe(false)
    await shop.run('commit')
    await until(live, ({ rows }) => rows.some(({ name }) => name === 'late'))
  },
)

test('fault 04: a commit while the first query runs is not lost', async () => {
  await using shop = await openShop()
  await using gate = await openGate(shop)
  await using realtime = shop.engine()
  await gate.close()
  const live = realtime.live(sql<{ name: string }>`select name from users ${gate.join} order by id`, {
    refreshEvery: false,
  })
  await gate.someoneWaits()
  await shop.run(`update users set name = 'Eve' where id = 1`)
  await gate.open()
  await until(live, ({ single }) => single?.name === 'Eve')
})

test('fault 04: many registrations among concurrent writers, none misses a commit', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  await realtime.live(names(shop)).ready
  let isDone = false
  let written = 0
  const writers = [1, 2, 3].map(async (writer) => {
    const client = await shop.connect()
    while (!isDone) {
      await client.query(`insert into items (order_id, product) values (1, $1)`, [`item of ${writer}`])
      written += 1
    }
  })
  for (let round = 0; round < 60; round += 1) {
    const atLeast = round
    const live = realtime.live(
      sql<{ count: number }>`select count(*)::int as count from items where id > ${-atLeast} and order_id = 1`,
    )
    await live.ready
    const { rows } = await shop.client.query<{ count: number }>(
      'select count(*)::int as count from items where order_id = 1',
    )
    await realtime.barrier()
    expect(live.single!.count).toBeGreaterThanOrEqual(rows[0]!.count)
    live.close()
  }
  isDone = true
  await Promise.all(writers)
  const last = realtime.live(sql<{ count: number }>`select count(*)::int as count from items where order_id = 1`)
  await last.ready
  expect(last.single).toEqual({ count: written + 1 })
})
