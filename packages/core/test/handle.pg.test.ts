/** What a handle offers besides rows: iteration, single, map, explain, close. */
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import type { LiveQuery, Update } from '../src/index.js'
import { compareSnapshots } from '../src/snapshot/token.js'
import { openShop, type Shop } from './support/shop.js'
import { nextUpdate, recordUpdates } from './support/updates.js'
import type { TestData } from './support/database.js'

const names = (shop: TestData<Shop>) => shop.db.selectFrom('users').select(['id', 'name']).orderBy('id')

test('iteration begins with the present state', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  const live = realtime.live(names(shop))
  await live.ready
  for await (const update of live) {
    expect(update).toMatchObject({ kind: 'rows', status: 'live', previousRows: [] })
    expect(update.rows).toBe(live.rows)
    break
  }
  expect(live.status).toBe('live')
})

test('iteration waits for the first result, and ends with the handle', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  const live = realtime.live(names(shop))
  const seen: string[] = []
  for await (const { rows } of live) {
    seen.push(rows[0]!.name)
    if (seen.length === 1) await shop.run(`update users set name = 'Eve' where id = 1`)
    if (seen.length === 2) live.close()
  }
  expect(seen).toEqual(['Ada', 'Eve'])
})

test('a slow consumer is handed the latest state, not each one', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  const live = realtime.live(names(shop))
  const updates = live[Symbol.asyncIterator]()
  const first = await updates.next()
  for (let n = 1; n <= 10; n += 1) {
    await shop.run('update users set name = $1 where id = 1', [`name ${n}`])
    await realtime.barrier()
  }
  const second = (await updates.next()).value as Update<{ id: number; name: string }>
  expect(second.rows[0]!.name).toBe('name 10')
  expect(second.previousRows).toBe((first.value as typeof second).rows)
})

test('a consumer that returns while it waits is let go at once', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  const live = realtime.live(names(shop))
  const updates = live[Symbol.asyncIterator]()
  await updates.next()
  const waiting = updates.next()
  await updates.return?.()
  expect(await waiting).toEqual({ done: true, value: undefined })
  expect(await updates.next()).toEqual({ done: true, value: undefined })
  expect(live.status).toBe('live')
})

test('several consumers iterate independently', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  const live = realtime.live(names(shop))
  const [one, two] = [live[Symbol.asyncIterator](), live[Symbol.asyncIterator]()]
  await Promise.all([one.next(), two.next()])
  const both = Promise.all([one.next(), two.next()])
  await shop.run(`update users set name = 'Eve' where id = 1`)
  for (const { value } of await both) expect(value?.rows[0]).toEqual({ id: 1, name: 'Eve' })
})

test('single is the one row, or undefined', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  const live = realtime.live(names(shop).where('id', '=', 1))
  expect(live.single).toBeUndefined()
  await live.ready
  expect(live.single).toEqual({ id: 1, name: 'Ada' })
  await shop.run('delete from users where id = 1')
  await realtime.barrier()
  expect(live.single).toBeUndefined()
})

test('map maps each row once, and keeps the identity of what did not change', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  const live = realtime.live(names(shop))
  let calls = 0
  const mapped = live.map(({ id, name }) => ({ key: id, title: name.toUpperCase(), call: (calls += 1) }))
  const [ada, bob] = await mapped.ready
  expect([ada, bob]).toMatchObject([{ title: 'ADA' }, { title: 'BOB' }])
  expect(mapped.rows[0]).toBe(ada)
  const updates = recordUpdates(mapped)
  await shop.run(`update users set name = 'Eve' where id = 1`)
  await realtime.barrier()
  expect(updates).toMatchObject([{ kind: 'rows', rows: [{ title: 'EVE' }, { title: 'BOB' }] }])
  expect(updates[0]!.previousRows[0]).toBe(ada)
  expect(mapped.rows[1]).toBe(bob)
  expect(calls).toBe(3)
  const twice = mapped.map(({ title }) => title.length)
  expect(twice.rows).toEqual([3, 3])
  for await (const { rows } of mapped) {
    expect(rows).toBe(mapped.rows)
    break
  }
  expect(mapped.close()).toBe(true)
  expect(live.status).toBe('closed')
})

test('explain tells what the query depends on, how it is reached, and what refreshed it last', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  const live = realtime.live(names(shop).where('status', '=', 'active'), {
    id: 'active',
    scope: { settings: { 'app.user': '1' } },
  })
  expect(() => live.explain()).toThrow(/not analyzed yet/)
  await live.ready
  const before = live.explain()
  expect(before).toMatchObject({
    parameters: ['active'],
    parameterTypes: ['text'],
    scope: { settings: { 'app.user': '1' } },
    tables: [{ table: 'users', columns: ['id', 'name', 'status'] }],
    disagreements: [],
    timeDependent: [],
    subscribers: 1,
  })
  expect(before.sql).toMatch(/^select "id", "name" from "users" where "status" = \$1/)
  expect(before.routing).toMatch(/users: any INSERT, DELETE or TRUNCATE, and an UPDATE of id, name, status/)
  await realtime.settle()
  await shop.run(`update users set name = 'Eve' where id = 1`)
  await realtime.barrier()
  expect(live.explain().lastRefresh).toMatchObject({
    id: 'active',
    changed: true,
    rows: 1,
    reasons: [{ kind: 'change', table: 'users', operation: 'update', columns: ['name'] }],
    snapshot: live.snapshot,
    error: undefined,
  })
})

test('a query that depends on the clock refreshes every so often, or is told to accept it', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  const clock = sql<{ now: Date }>`select clock_timestamp() as now`
  await expect(realtime.live(clock).ready).rejects.toMatchObject({
    code: 'TIME_DEPENDENT',
    functions: [expect.stringMatching(/^clock_timestamp/)],
  })
  const ticking = realtime.live(clock, { refreshEvery: 10 })
  const [first] = await ticking.ready
  const next = await nextUpdate(ticking)
  expect(next.rows[0]!.now.getTime()).toBeGreaterThan(first!.now.getTime())
  expect(ticking.explain().lastRefresh?.reasons).toContainEqual({ kind: 'interval' })
  const still = realtime.live(clock, { refreshEvery: false })
  const rows = await still.ready
  await realtime.barrier()
  expect(still.explain().timeDependent).toHaveLength(1)
  expect(rows).toHaveLength(1)
})

test('a snapshot is never older than the one shown before', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine({ maxRefreshConnections: 4 })
  const lives: LiveQuery<unknown>[] = Array.from({ length: 6 }, (_, n) =>
    realtime.live(names(shop).where('id', '<', 10 + n)),
  )
  await Promise.all(lives.map((live) => live.ready))
  const orders: string[] = []
  for (const live of lives) {
    let last = live.snapshot
    live.subscribe(({ snapshot }) => {
      orders.push(compareSnapshots(last, snapshot))
      last = snapshot
    })
  }
  for (let n = 0; n < 30; n += 1) await shop.run('update users set name = $1', [`name ${n}`])
  await realtime.barrier()
  expect(orders.length).toBeGreaterThanOrEqual(lives.length)
  expect(new Set(orders)).toEqual(new Set(['older']))
})

test('who asks for several updates at once is given each in turn', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  const live = realtime.live(shop.db.selectFrom('users').select('name').where('id', '=', 1))
  await live.ready
  const iterator = live[Symbol.asyncIterator]()
  await iterator.next()
  const [next, afterNext, last] = [iterator.next(), iterator.next(), iterator.next()]
  for (const [name, update] of [
    ['Eve', next],
    ['Mallory', afterNext],
  ] as const) {
    await shop.run('update users set name = $1 where id = 1', [name])
    expect((await update).value?.rows).toEqual([{ name }])
  }
  live.close()
  expect(await last).toEqual({ done: true, value: undefined })
})
