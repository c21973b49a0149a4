/** A tick runs on an idle connection of the pool, where its refresh goes on; what the application did to it must not matter. */
import { sql } from 'kysely'
import type { ClientBase } from 'pg'
import { expect, test, vi } from 'vitest'
import { startEngine } from './support/engine.js'
import { NOBODY } from './support/guess.js'
import { recordTexts } from './support/record-texts.js'
import { openShop } from './support/shop.js'
import { Tap } from './support/tap.js'

const NAMES = ['Eve', 'Mallory', 'Trent']

test('one live query needs two messages, and no exported snapshot', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine({ throttleMs: 0 }, { guess: NOBODY })
  const live = realtime.live(shop.db.selectFrom('users').select('name').where('id', '=', 1))
  for (const name of ['Ada', ...NAMES]) {
    await shop.run('update users set name = $1 where id = 1', [name])
    await realtime.barrier()
  }
  using recorded = recordTexts()
  await shop.run(`update users set name = 'Zoe' where id = 1`)
  await realtime.barrier()
  expect(live.single).toEqual({ name: 'Zoe' })
  expect(recorded.texts.some((text) => text.includes('EXECUTE "_pg_realtime_read'))).toBe(true)
  expect(recorded.texts.filter((text) => /pg_export_snapshot|SET TRANSACTION SNAPSHOT/.test(text))).toEqual([])
  const refreshes = recorded.texts.filter((text) => /EXECUTE pg_realtime_/.test(text))
  expect(refreshes).toHaveLength(1)
  expect(refreshes[0]).toMatch(/;\nCOMMIT$/)
})

test('a statement that fails with the end of the transaction leaves it open for the others', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine({ throttleMs: 0 })
  const users = shop.db.selectFrom('users').where('id', '=', 1)
  const fragile = realtime.live(users.select(sql<number>`10 / (length(name) - 4)`.as('n')))
  const sound = realtime.live(users.select('name'))
  for (const name of [...NAMES, 'Niaj', 'Olivia']) {
    await shop.run('update users set name = $1 where id = 1', [name])
    await realtime.barrier().catch(() => {})
    expect(sound.single).toEqual({ name })
    expect(fragile.status).toBe(name.length === 4 ? 'stale' : 'live')
    if (name.length !== 4) expect(fragile.single).toEqual({ n: Math.trunc(10 / (name.length - 4)) })
  }
})

test('several connections refresh on the snapshot of a tick that runs on one of them', async () => {
  await using shop = await openShop({ pool: { max: 4 } })
  await using realtime = shop.engine({ throttleMs: 0, maxRefreshConnections: 3 })
  const slow = (n: number) => {
    const query = shop.db
      .selectFrom('users')
      .select(['name', sql.lit(n).as('n')])
      .where('id', '=', 1)
    return realtime.live(query.where(sql<boolean>`pg_sleep(0.06) is not null`), { refreshEvery: false })
  }
  const lives = Array.from({ length: 6 }, (_, n) => slow(n))
  await Promise.all(lives.map((live) => live.ready))
  const isOneSnapshot: boolean[] = []
  for (const name of NAMES) {
    const tokens = new Set<string>()
    const unobserve = realtime.observe(({ snapshot }) => tokens.add(snapshot))
    await shop.run('update users set name = $1 where id = 1', [name])
    await realtime.barrier()
    unobserve()
    expect(lives.map((live) => live.single?.name)).toEqual(lives.map(() => name))
    isOneSnapshot.push(tokens.size === 1)
  }
  // Whatever else asks for a tick may split one of them.
  expect(isOneSnapshot).toContain(true)
  expect(realtime.errors).toEqual([])
})

test('a role that the application gives its connections may not read the log: the reader does', async () => {
  await using shop = await openShop()
  const role = await shop.role()
  await shop.run(`grant select on users to ${role.name}`)
  const other = shop.application()
  other.pool.on('connect', (client) => void client.query(`set role ${role.name}`))
  await using realtime = startEngine({ ...other, throttleMs: 0 })
  const live = realtime.live(other.db.selectFrom('users').select('name').where('id', '=', 1))
  for (const name of NAMES) {
    await shop.run('update users set name = $1 where id = 1', [name])
    await realtime.barrier()
    expect(live.single).toEqual({ name })
  }
  expect(realtime.errors.map(String)).toEqual([])
})

test('type parsers of the application do not reach what the engine reads', async () => {
  await using shop = await openShop()
  const types = { getTypeParser: () => (text: string) => `parsed ${text}` }
  const other = shop.application({ pool: { types } })
  await using realtime = startEngine({ ...other, throttleMs: 0 })
  const orders = other.db.selectFrom('orders').innerJoin('users', 'users.id', 'user_id')
  const live = realtime.live(orders.select('code').where('users.name', '=', 'Ada'))
  for (const code of NAMES) {
    await shop.run('update orders set code = $1 where id = 1', [code])
    await realtime.barrier()
    expect(live.single).toEqual({ code: `parsed ${code}` })
  }
  expect(realtime.errors.map(String)).toEqual([])
})

test('engines that share a pool do not mix up what they prepare on its connections', async () => {
  await using shop = await openShop({ pool: { max: 2 } })
  await using one = shop.engine({ throttleMs: 0 })
  await using two = shop.engine({ throttleMs: 0 })
  const orders = shop.db.selectFrom('orders').innerJoin('users', 'users.id', 'user_id').select('name')
  const items = shop.db.selectFrom('items').innerJoin('orders', 'orders.id', 'order_id').select('product')
  const first = one.live(orders.where('orders.code', '=', 'A-1'))
  const second = two.live(items.where('orders.code', '=', 'A-1'))
  await Promise.all([first.ready, second.ready])
  for (const name of NAMES) {
    await shop.run('update users set name = $1 where id = 1', [name])
    await shop.run('update items set product = $1 where id = 1', [name])
    await Promise.all([one.barrier(), two.barrier()])
    expect([first.single, second.single]).toEqual([{ name }, { product: name }])
  }
  const routes = [...first.explain().routes, ...second.explain().routes]
  expect(routes.map(({ because }) => because)).toEqual(routes.map(() => undefined))
  expect([...one.errors, ...two.errors].map(String)).toEqual([])
})

test.for(['before', 'after'] as const)('a connection that is lost %s the log is read loses no change', async (when) => {
  await using shop = await openShop()
  let [transaction, kills]: [ClientBase | undefined, number] = [undefined, 0]
  const kill = async () => {
    if (kills <= 0 || !transaction) return
    kills -= 1
    const backend = (transaction as unknown as { processID: number }).processID
    await shop.run('select pg_terminate_backend($1, 5000)', [backend])
  }
  const tap = new Tap({
    beforeRead: async (client) => {
      transaction = client
      if (when === 'before') await kill()
    },
    afterRead: async (batch) => {
      if (when === 'after' && batch.changes.length > 0) await kill()
      return undefined
    },
  })
  await using realtime = shop.engine({ throttleMs: 0 }, { source: tap.source })
  const live = realtime.live(shop.db.selectFrom('users').select('name').where('id', '=', 1))
  await realtime.barrier()
  for (const name of NAMES) {
    kills = 1
    await shop.run('update users set name = $1 where id = 1', [name])
    await vi.waitFor(() => expect(live.single).toEqual({ name }))
  }
  expect(kills).toBe(0)
})

test('what the engine sends to itself in a tick is committed', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine({ throttleMs: 0 })
  const live = realtime.live(shop.db.selectFrom('users').select('name').where('id', '=', 1))
  await live.ready
  using recorded = recordTexts()
  // The first tick of a new connection refreshes, and asks whether it hears itself.
  await shop.run(`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'pg-realtime control'
    and datname = current_database()`)
  // Once it has heard itself, it does not listen for that any more.
  await vi.waitFor(() =>
    expect(recorded.texts.some((text) => text.startsWith('UNLISTEN "pg_realtime_probe'))).toBe(true),
  )
  expect(realtime.errors.map(({ code }) => code)).toEqual(['CONNECTION_LOST'])
})
