/** A query that is slow does not hold up the others: it is run apart from them, and catches up. */
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import type { TestData } from './support/database.js'
import { openGate } from './support/gate.js'
import { openShop, type Shop } from './support/shop.js'
import { until } from './support/updates.js'

const names = (shop: TestData<Shop>, id: number) => shop.db.selectFrom('users').select('name').where('id', '=', id)

test.each([1, 40])('%i fast ones are kept current while it runs, and it catches up', async (fast) => {
  await using shop = await openShop()
  await using gate = await openGate(shop)
  await shop.run(`insert into users (name) select 'user ' || g from generate_series(3, 40) g`)
  await using realtime = shop.engine()
  const slow = realtime.live(sql<{ n: string }>`select count(*) || '' as n from orders ${gate.join}`, {
    refreshEvery: false,
  })
  const lives = Array.from({ length: fast }, (_, index) => realtime.live(names(shop, index + 1)))
  await Promise.all([slow, ...lives].map((live) => live.ready))
  await realtime.settle()
  await gate.close()
  // One commit for both, so that one tick refreshes both.
  await shop.run(`insert into orders (user_id, code) values (1, 'x'); update users set name = 'both'`)
  await Promise.all(lives.map((live) => until(live, ({ single }) => single?.name === 'both')))
  await gate.someoneWaits()
  for (const name of ['a', 'b', 'c']) {
    await shop.run('update users set name = $1', [name])
    await Promise.all(lives.map((live) => until(live, ({ single }) => single?.name === name)))
  }
  expect(slow.single).toEqual({ n: '2' })
  // It still runs, or runs again: nobody has let it through.
  await gate.someoneWaits()
  await gate.open()
  await realtime.barrier()
  expect(slow.single).toEqual({ n: '3' })
  // What it was refreshed for is told, though it may have been tried among the others before.
  expect(slow.explain().lastRefresh?.reasons[0]).toEqual({
    kind: 'change',
    table: 'orders',
    operation: 'insert',
    columns: [],
  })
  expect(realtime.errors).toEqual([])
})

test('slow ones leave a connection to the others, however many they are', async () => {
  await using shop = await openShop()
  await using gate = await openGate(shop)
  await using realtime = shop.engine({ maxRefreshConnections: 3 })
  const slow = Array.from({ length: 6 }, (_, index) =>
    realtime.live(sql<{ n: string }>`select count(*) || ${sql.lit(`-${index}`)} as n from orders ${gate.join}`, {
      refreshEvery: false,
    }),
  )
  const live = realtime.live(names(shop, 1))
  await Promise.all([...slow, live].map(({ ready }) => ready))
  await realtime.settle()
  await gate.close()
  await shop.run(`insert into orders (user_id, code) values (1, 'x'); update users set name = 'both'`)
  for (const name of ['a', 'b']) {
    await shop.run('update users set name = $1 where id = 1', [name])
    await until(live, ({ single }) => single?.name === name)
  }
  await gate.open()
  await realtime.barrier()
  expect(slow.map(({ single }) => single?.n)).toEqual(slow.map((_, index) => `3-${index}`))
})

test.each([
  { connections: 1, fast: 1, ms: 0 },
  { connections: 2, fast: 4, ms: 30 },
])('fast ones that are refreshed in each tick do not starve it: %o', async ({ connections, fast, ms }) => {
  await using shop = await openShop()
  await using realtime = shop.engine({ maxRefreshConnections: connections })
  const slow = realtime.live(sql<{ n: number }>`select count(*)::int as n from orders, pg_sleep(0.3)`, {
    refreshEvery: false,
  })
  const lives = Array.from({ length: fast }, (_, n) =>
    realtime.live(
      sql<{ name: string }>`select name, ${sql.lit(n)} as n from users, pg_sleep(${sql.lit(ms / 1_000)}) where id = 1`,
      { refreshEvery: false },
    ),
  )
  await Promise.all([slow, ...lives].map(({ ready }) => ready))
  await realtime.settle()
  const writer = await shop.connect()
  let refreshes = 0
  realtime.observe(({ sql: text }) => (refreshes += Number(text.includes('users'))))
  let writes = 0
  for (const code of ['x', 'y']) {
    const [before, from] = [slow.single!.n, refreshes]
    await shop.run('insert into orders (user_id, code) values (1, $1)', [code])
    // There is always a change of the fast ones that is not shown yet.
    while (slow.single!.n === before && refreshes - from < 400) {
      await writer.query('update users set name = $1 where id = 1', [`name ${(writes += 1)}`])
    }
    expect(slow.single).toEqual({ n: before + 1 })
  }
  await realtime.barrier()
  expect(lives.map(({ single }) => single?.name)).toEqual(lives.map(() => `name ${writes}`))
  expect(realtime.errors).toEqual([])
})

test('with a single connection a slow one has its own time limit too', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine({ maxRefreshConnections: 1 })
  const slow = realtime.live(sql<{ n: string }>`select count(*) || '' as n from orders, pg_sleep(0.4)`, {
    refreshEvery: false,
  })
  const live = realtime.live(names(shop, 1))
  await Promise.all([slow.ready, live.ready])
  await shop.run(`insert into orders (user_id, code) values (1, 'x'); update users set name = 'new' where id = 1`)
  await realtime.barrier()
  expect([slow.single, live.single]).toEqual([{ n: '3' }, { name: 'new' }])
  expect(realtime.errors).toEqual([])
})
