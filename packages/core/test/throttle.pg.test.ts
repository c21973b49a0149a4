/** Throttling through the whole engine, in a time that stands still unless a test moves it. */
import { expect, test, vi } from 'vitest'
import { ManualClock } from './support/clock.js'
import { startEngine } from './support/engine.js'
import { openShop } from './support/shop.js'
import { Tap } from './support/tap.js'
import { recordRefreshes } from './support/updates.js'

const HOUR = 3_600_000

/** An engine in manual time, with the default throttle. */
async function openTimedShop() {
  const shop = await openShop()
  const clock = new ManualClock()
  const tap = new Tap()
  const overrides = { clock, source: tap.source, heartbeatMs: HOUR }
  const realtime = startEngine({ db: shop.db, pool: shop.pool, auditMs: HOUR }, overrides)
  let writes = 0
  return {
    clock,
    realtime,
    scores: () => shop.db.selectFrom('users').select(['id', 'score']).where('id', '=', 1),
    /** Nothing is left to refresh, and every window is open. */
    async rest() {
      await realtime.settle()
      clock.advance(2_000)
    },
    /** Commits a change, and returns when the engine has read it. */
    async write() {
      await shop.run('update users set score = $1 where id = 1', [++writes])
      tap.wake()
      await vi.waitFor(() => expect(tap.changes).toHaveLength(writes), { timeout: 10_000 })
    },
    async [Symbol.asyncDispose]() {
      await realtime.stop()
      await shop[Symbol.asyncDispose]()
    },
  }
}

test('parity 46: the first change is shown at once', async () => {
  await using shop = await openTimedShop()
  const live = shop.realtime.live(shop.scores())
  await live.ready
  await shop.rest()
  const refreshes = recordRefreshes(shop.realtime)
  const startedAt = shop.clock.now()
  await shop.write()
  await vi.waitFor(() => expect(live.single?.score).toBe('1'))
  expect(refreshes.map(({ at }) => at.getTime() - startedAt)).toEqual([0])
})

test('parity 47: a burst is followed by one trailing refresh, which has the last state', async () => {
  await using shop = await openTimedShop()
  const live = shop.realtime.live(shop.scores())
  await live.ready
  await shop.rest()
  const refreshes = recordRefreshes(shop.realtime)
  const startedAt = shop.clock.now()
  await shop.write()
  await vi.waitFor(() => expect(refreshes).toHaveLength(1))
  for (let change = 0; change < 9; change += 1) await shop.write()
  shop.clock.advance(499)
  shop.clock.advance(1)
  await vi.waitFor(() => expect(live.single?.score).toBe('10'))
  shop.clock.advance(2_000)
  expect(refreshes.map(({ at }) => at.getTime() - startedAt)).toEqual([0, 500])
})

test('parity 48: the window is 500 ms, unless a query has its own', async () => {
  await using shop = await openTimedShop()
  const usual = shop.realtime.live(shop.scores())
  const slow = shop.realtime.live(shop.scores(), { throttleMs: 2_000 })
  await Promise.all([usual.ready, slow.ready])
  await shop.rest()
  await shop.write()
  await vi.waitFor(() => expect([usual.single?.score, slow.single?.score]).toEqual(['1', '1']))
  await shop.write()
  shop.clock.advance(500)
  await vi.waitFor(() => expect(usual.single?.score).toBe('2'))
  expect(slow.single?.score).toBe('1')
  shop.clock.advance(1_500)
  await vi.waitFor(() => expect(slow.single?.score).toBe('2'))
})

test('parity 49, fault 19, fault 20: steady writes are shown in every window, once', async () => {
  await using shop = await openTimedShop()
  const live = shop.realtime.live(shop.scores())
  await live.ready
  await shop.rest()
  const refreshes = recordRefreshes(shop.realtime)
  const startedAt = shop.clock.now()
  for (let elapsed = 0; elapsed <= 2_000; elapsed += 100) {
    const due = elapsed === 0 ? 0 : Math.floor(elapsed / 500) + 1
    await vi.waitFor(() => expect(refreshes).toHaveLength(due))
    await shop.write()
    if (elapsed === 0) await vi.waitFor(() => expect(refreshes).toHaveLength(1))
    shop.clock.advance(100)
  }
  shop.clock.advance(400)
  await vi.waitFor(() => expect(live.single?.score).toBe('21'))
  expect(refreshes.map(({ at }) => at.getTime() - startedAt)).toEqual([0, 500, 1_000, 1_500, 2_000, 2_500])
})
