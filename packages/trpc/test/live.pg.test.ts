import { startPostgres } from '@pg-realtime/tooling/postgres'
import { createTRPCClient, type TRPCLink } from '@trpc/client'
import superjson from 'superjson'
import { describe, expect, test, vi } from 'vitest'
import { liveLink, type LiveLinkStatus } from '../src/client.js'
import { createPostgresRouter, PostgresShop, type PostgresRouter, type ShopContext } from './support/postgres-shop.js'
import { Recorder, WAIT } from './support/recorder.js'
import { standalone, transports, websocket, type Served } from './support/transports.js'

interface Order {
  id: number
  code: string
}

/** A client with `liveLink`, or a plain one, and the statuses that it was told. */
function connect(served: Served, hasLink: boolean) {
  const connection = served.connect()
  const statuses: LiveLinkStatus[] = []
  const last = connection.link as TRPCLink<PostgresRouter>
  const link = liveLink<PostgresRouter>({ transformer: superjson, onStatus: ({ status }) => statuses.push(status) })
  const client = createTRPCClient<PostgresRouter>({ links: hasLink ? [link, last] : [last] })
  const untilStatus = (status: LiveLinkStatus) => vi.waitFor(() => expect(statuses.at(-1)).toBe(status), WAIT)
  const orders = () => new Recorder<Order[]>((callbacks) => client.orders.subscribe(undefined, callbacks))
  return { client, statuses, untilStatus, orders, [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose]() }
}

const codes = (rows: readonly { readonly code: string }[]) => rows.map(({ code }) => code).join()
const clients: readonly (readonly [string, boolean])[] = [
  ['a plain client', false],
  ['a client with liveLink', true],
]

describe.each(transports)('over $name', (transport) => {
  test.each(clients)('%s sees what any SQL client commits', async (_, hasLink) => {
    await using shop = await PostgresShop.open()
    await using served = await transport.serve({ router: createPostgresRouter(shop.engine(), shop) })
    await using connection = connect(served, hasLink)
    using all = connection.orders()
    using ofShop = new Recorder<Order[]>((callbacks) => connection.client.ofShop.subscribe({ shop: 2 }, callbacks))
    using count = new Recorder<{ count: string } | undefined>((callbacks) =>
      connection.client.count.subscribe(undefined, callbacks),
    )
    await all.until((rows) => codes(rows) === 'a,b,c')
    await ofShop.until((rows) => codes(rows) === 'c')
    await count.until((row) => row?.count === '3')
    await shop.run(`insert into orders (shop, code) values (2, 'd'); update orders set code = 'A' where id = 1`)
    await all.until((rows) => codes(rows) === 'A,b,c,d')
    await ofShop.until((rows) => codes(rows) === 'c,d')
    await count.until((row) => row?.count === '4')
    await shop.run('truncate orders')
    await all.until((rows) => rows.length === 0)
    expect(all.errors).toEqual([])
  })

  test.each(clients)('%s gets dates, bytea and bigints as such', async (_, hasLink) => {
    await using shop = await PostgresShop.open()
    await using served = await transport.serve({ router: createPostgresRouter(shop.engine(), shop) })
    await using connection = connect(served, hasLink)
    using one = new Recorder<unknown>((callbacks) => connection.client.one.subscribe(1, callbacks))
    using totals = new Recorder<{ total: bigint }[]>((callbacks) =>
      connection.client.totals.subscribe(undefined, callbacks),
    )
    expect(await one.until((row) => row !== undefined)).toEqual({
      id: 1,
      shop: 1,
      code: 'a',
      total: '9007199254740993',
      placed_at: new Date('2026-01-02T03:04:05Z'),
      proof: new Uint8Array([1, 2, 3]),
    })
    expect((await totals.until((rows) => rows.length === 3))[0]).toEqual({ id: 1, total: 9007199254740993n })
    await shop.run('delete from orders where id = 1')
    await one.until((row) => row === undefined)
  })

  test('each user is shown the rows of his own scope', async () => {
    await using shop = await PostgresShop.open()
    const realtime = shop.engine()
    let user: ShopContext = { shop: 1 }
    await using served = await transport.serve({
      router: createPostgresRouter(realtime, shop),
      createContext: () => user,
    })
    const mine = (connection: ReturnType<typeof connect>) =>
      new Recorder<Order[]>((callbacks) => connection.client.mine.subscribe(undefined, callbacks))
    await using first = connect(served, true)
    using one = mine(first)
    await one.until((rows) => codes(rows) === 'a,b')
    user = { shop: 2 }
    await using second = connect(served, false)
    using two = mine(second)
    await two.until((rows) => codes(rows) === 'c')
    expect(realtime.size).toBe(2)
    await shop.run(`insert into orders (shop, code) values (1, 'mine'), (2, 'yours')`)
    await one.until((rows) => codes(rows) === 'a,b,mine')
    await two.until((rows) => codes(rows) === 'c,yours')
    for (const { data } of [one, two]) expect(new Set(data.flat().map(({ id }) => id)).size).toBeLessThan(4)
  })

  test.each([
    ['missing', undefined, 'NOT_FOUND'],
    ['forbidden', undefined, 'FORBIDDEN'],
    ['wrongValue', 'no number', 'BAD_REQUEST'],
    ['materialized', undefined, 'BAD_REQUEST'],
    ['clock', undefined, 'BAD_REQUEST'],
  ] as const)('%s ends with an error, and other subscriptions go on', async (path, input, code) => {
    await using shop = await PostgresShop.open()
    const realtime = shop.engine()
    await using served = await transport.serve({ router: createPostgresRouter(realtime, shop, { graceMs: 0 }) })
    await using connection = connect(served, true)
    using orders = connection.orders()
    await orders.until((rows) => rows.length === 3)
    using failing = new Recorder<unknown>((callbacks) => connection.client[path].subscribe(input as never, callbacks))
    expect(await failing.failure()).toMatchObject({ data: { code } })
    await shop.run(`insert into orders (shop, code) values (1, 'd')`)
    await orders.until((rows) => rows.length === 4)
    await vi.waitFor(() => expect(realtime.size).toBe(1), WAIT)
  })
})

test('clients of the same query share one live query; the last one leaves it open for the grace period', async () => {
  await using shop = await PostgresShop.open()
  const realtime = shop.engine()
  const refreshes = vi.fn()
  realtime.observe(refreshes)
  await using served = await websocket.serve({ router: createPostgresRouter(realtime, shop, { graceMs: 300 }) })
  await using first = connect(served, true)
  await using second = connect(served, false)
  const recorders = [first.orders(), second.orders(), second.orders()]
  for (const recorder of recorders) await recorder.until((rows) => rows.length === 3)
  expect(realtime.size).toBe(1)
  for (const recorder of recorders) recorder.unsubscribe()
  using again = first.orders()
  await again.until((rows) => rows.length === 3)
  expect(refreshes).toHaveBeenCalledTimes(1)
  again.unsubscribe()
  await vi.waitFor(() => expect(realtime.size).toBe(0), WAIT)
})

test('a client that is served by another server of the same database is not sent again what it holds', async () => {
  await using shop = await PostgresShop.open()
  await using served = await standalone.serve({ router: createPostgresRouter(shop.engine(), shop) })
  await using connection = connect(served, true)
  using orders = connection.orders()
  await orders.until((rows) => rows.length === 3)
  await served.replace({ router: createPostgresRouter(shop.engine(), shop) })
  await connection.untilStatus('live')
  expect(orders.data).toHaveLength(1)
  await shop.run(`update orders set code = 'A' where id = 1`)
  const rows = await orders.until((data) => codes(data) === 'A,b,c')
  expect(rows[1]).toBe(orders.data[0]![1])
})

test('what was committed while a client was away is shown when it is back', async () => {
  await using shop = await PostgresShop.open()
  const router = createPostgresRouter(shop.engine(), shop)
  await using served = await websocket.serve({ router })
  await using connection = connect(served, true)
  using orders = connection.orders()
  await orders.until((rows) => rows.length === 3)
  await served[Symbol.asyncDispose]()
  await connection.untilStatus('reconnecting')
  await shop.run('delete from orders where id > 1')
  await served.replace({ router })
  await orders.until((rows) => codes(rows) === 'a')
  await connection.untilStatus('live')
})

test('a column that is dropped makes the rows stale, and they recover when it is back', async () => {
  await using shop = await PostgresShop.open()
  await using served = await websocket.serve({ router: createPostgresRouter(shop.engine({ auditMs: 50 }), shop) })
  await using connection = connect(served, true)
  using orders = connection.orders()
  await orders.until((rows) => rows.length === 3)
  await shop.run('alter table orders rename column code to title')
  await connection.untilStatus('stale')
  await shop.run(`alter table orders rename column title to code; update orders set code = 'A' where id = 1`)
  await orders.until((rows) => codes(rows) === 'A,b,c')
  await connection.untilStatus('live')
  expect(orders.errors).toEqual([])
})

describe('when the database goes away', () => {
  test('subscriptions keep their rows, liveLink says that they are stale, and all recover by themselves', async () => {
    await using postgres = await startPostgres({ dedicated: true })
    await using shop = await PostgresShop.open(() => postgres.createDatabase())
    await using served = await websocket.serve({ router: createPostgresRouter(shop.engine(), shop) })
    await using linked = connect(served, true)
    await using plain = connect(served, false)
    using withLink = linked.orders()
    using without = plain.orders()
    await withLink.until((rows) => rows.length === 3)
    await without.until((rows) => rows.length === 3)
    await postgres.kill()
    await linked.untilStatus('stale')
    expect([withLink.data.length, without.data.length]).toEqual([1, 1])
    await postgres.restart()
    await linked.untilStatus('live')
    await shop.run(`insert into orders (shop, code) values (1, 'd')`)
    await withLink.until((rows) => codes(rows) === 'a,b,c,d')
    await without.until((rows) => codes(rows) === 'a,b,c,d')
    expect([...withLink.errors, ...without.errors]).toEqual([])
  })

  test('those who come meanwhile wait, and are served when it is back', async () => {
    await using postgres = await startPostgres({ dedicated: true })
    await using shop = await PostgresShop.open(() => postgres.createDatabase())
    const realtime = shop.engine()
    await using served = await websocket.serve({ router: createPostgresRouter(realtime, shop) })
    await using linked = connect(served, true)
    await using plain = connect(served, false)
    await postgres.kill()
    using withLink = linked.orders()
    using without = plain.orders()
    await linked.untilStatus('stale')
    await postgres.restart()
    await withLink.until((rows) => rows.length === 3)
    await without.until((rows) => rows.length === 3)
    await linked.untilStatus('live')
    expect([...withLink.errors, ...without.errors]).toEqual([])
  })
})

test('an engine that is stopped and started again takes its subscriptions up again', async () => {
  await using shop = await PostgresShop.open()
  const realtime = shop.engine()
  await using served = await websocket.serve({ router: createPostgresRouter(realtime, shop) })
  await using connection = connect(served, true)
  using orders = connection.orders()
  await orders.until((rows) => rows.length === 3)
  await realtime.stop()
  await connection.untilStatus('stale')
  await shop.run(`insert into orders (shop, code) values (1, 'd')`)
  await realtime.start()
  await orders.until((rows) => rows.length === 4)
  await connection.untilStatus('live')
})
