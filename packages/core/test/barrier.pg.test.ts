import { sql } from 'kysely'
import { expect, test, vi } from 'vitest'
import { BarrierError } from '../src/index.js'
import { ManualClock } from './support/clock.js'
import { openGate } from './support/gate.js'
import { openShop } from './support/shop.js'
import { nextUpdate } from './support/updates.js'

test('a barrier resolves when every commit before it is shown, in every live query', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  const lives = Array.from({ length: 25 }, (_, n) =>
    realtime.live(
      shop.db
        .selectFrom('users')
        .select('name')
        .where('id', '<', n + 2)
        .orderBy('id'),
    ),
  )
  await Promise.all(lives.map((live) => live.ready))
  for (let round = 0; round < 10; round += 1) {
    await shop.run('update users set name = $1 where id = 1', [`round ${round}`])
    await realtime.barrier()
    for (const live of lives) expect(live.single?.name).toBe(`round ${round}`)
  }
})

test('it starts the engine, and includes live queries that are being opened', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  await realtime.barrier()
  expect(realtime.status).toBe('live')
  const live = realtime.live(shop.db.selectFrom('users').select('name'))
  await realtime.barrier()
  expect(live).toMatchObject({ status: 'live', rows: [{}, {}] })
})

test('it cuts throttles short', async () => {
  await using shop = await openShop()
  const clock = new ManualClock()
  await using realtime = shop.engine({ throttleMs: 60_000 }, { clock, heartbeatMs: 3_600_000 })
  const live = realtime.live(shop.db.selectFrom('users').select('name').orderBy('id'))
  await live.ready
  for (const name of ['Eve', 'Mallory', 'Trent']) {
    await shop.run('update users set name = $1 where id = 1', [name])
    await realtime.barrier()
    expect(live.single).toEqual({ name })
  }
})

test('it waits for filters that take their time', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  let answer: ((refreshes: boolean) => void) | undefined
  const live = realtime.live(shop.db.selectFrom('users').select('name').orderBy('id'), {
    refresh: () => new Promise<boolean>((resolve) => (answer = resolve)),
  })
  await live.ready
  await realtime.settle()
  await shop.run(`update users set name = 'Eve' where id = 1`)
  const order: string[] = []
  const barrier = realtime.barrier().then(() => order.push('barrier'))
  await vi.waitFor(() => expect(answer).toBeDefined())
  const changed = nextUpdate(live).then(() => order.push('update'))
  answer!(true)
  await Promise.all([barrier, changed])
  expect(order).toEqual(['update', 'barrier'])
})

test('it rejects, naming them, if some queries fail to refresh', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  const sound = realtime.live(shop.db.selectFrom('items').select('quantity').orderBy('id'))
  const failing = realtime.live(sql<{ each: string }>`select price / quantity as each from items`)
  await Promise.all([sound.ready, failing.ready])
  await shop.run('update items set quantity = 0')
  const error: unknown = await realtime.barrier().catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(BarrierError)
  expect((error as BarrierError).queries).toEqual(['select price / quantity as each from items'])
  expect(sound.rows).toEqual([{ quantity: 0 }, { quantity: 0 }])
  await shop.run('update items set quantity = 1')
  await realtime.barrier()
  expect(failing.rows).toHaveLength(2)
})

test('it can be given up', async () => {
  await using shop = await openShop()
  await using gate = await openGate(shop)
  await using realtime = shop.engine()
  const live = realtime.live(sql<{ name: string }>`select name from users ${gate.join} order by id`, {
    refreshEvery: false,
  })
  await live.ready
  await gate.close()
  await shop.run(`update users set name = 'Eve' where id = 1`)
  const controller = new AbortController()
  const barrier = realtime.barrier({ signal: controller.signal })
  await gate.someoneWaits()
  controller.abort(new Error('enough'))
  await expect(barrier).rejects.toThrow('enough')
  await expect(realtime.barrier({ signal: controller.signal })).rejects.toThrow('enough')
  await gate.open()
  await realtime.barrier()
  expect(live.single).toEqual({ name: 'Eve' })
})

test('it can be given up while a live query is being opened, and waits for none that was closed', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  await realtime.start()
  // No trigger can be installed while somebody writes.
  await shop.run('begin; lock table orders in row exclusive mode')
  const opening = realtime.live(shop.db.selectFrom('orders').select('id'))
  const giveUp = new AbortController()
  const barrier = realtime.barrier({ signal: giveUp.signal })
  giveUp.abort(new Error('enough'))
  await expect(barrier).rejects.toThrow('enough')
  opening.close()
  await realtime.barrier()
  await shop.run('commit')
})

test('it does not wait for a query that is closed meanwhile', async () => {
  await using shop = await openShop()
  await using gate = await openGate(shop)
  await using realtime = shop.engine()
  const live = realtime.live(sql<{ name: string }>`select name from users ${gate.join}`, { refreshEvery: false })
  await live.ready
  await gate.close()
  await shop.run(`update users set name = 'Eve' where id = 1`)
  const barrier = realtime.barrier()
  await gate.someoneWaits()
  live.close()
  await barrier
  await gate.open()
})

test('it rejects when the engine is stopped', async () => {
  await using shop = await openShop()
  await using gate = await openGate(shop)
  await using realtime = shop.engine()
  const live = realtime.live(sql<{ name: string }>`select name from users ${gate.join}`, { refreshEvery: false })
  await live.ready
  await gate.close()
  await shop.run(`update users set name = 'Eve' where id = 1`)
  const barrier = realtime.barrier()
  const refused = expect(barrier).rejects.toMatchObject({ code: 'CLOSED' })
  await gate.someoneWaits()
  await realtime.stop()
  await refused
})

test('it starts no engine that was stopped, nor one that is being stopped', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  await realtime.live(shop.db.selectFrom('users').select('name')).ready
  const statuses: string[] = []
  realtime.onStatus((status) => statuses.push(status))
  const stopping = realtime.stop()
  const [meanwhile, , afterwards] = await Promise.allSettled([
    realtime.barrier(),
    stopping,
    stopping.then(() => realtime.barrier()),
  ])
  expect([meanwhile, afterwards]).toMatchObject([{ reason: { code: 'CLOSED' } }, { reason: { code: 'CLOSED' } }])
  expect(statuses).toEqual(['stopped'])
  expect(realtime.status).toBe('stopped')
  await realtime.start()
  await realtime.barrier()
})

test('a steady stream of writes does not hold it up for ever', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine({ throttleMs: 500 })
  const live = realtime.live(sql<{ count: number }>`select count(*)::int as count from items`)
  await live.ready
  let isDone = false
  const writer = await shop.connect()
  const writing = (async () => {
    while (!isDone) await writer.query(`insert into items (order_id, product) values (1, 'x')`)
  })()
  for (let round = 0; round < 10; round += 1) {
    const { rows } = await shop.client.query<{ count: number }>('select count(*)::int as count from items')
    await realtime.barrier()
    expect(live.single!.count).toBeGreaterThanOrEqual(rows[0]!.count)
  }
  isDone = true
  await writing
})
