import { describe, expect, test, vi } from 'vitest'
import { FakeRealtime } from './support/fake-realtime.js'
import { Recorder, WAIT } from './support/recorder.js'
import { openSession, untilFree } from './support/session.js'
import { order, type OrderRow, type Shop } from './support/shop.js'
import { fetchAdapter, standalone, standalonePast } from './support/transports.js'

const one = [order(1)]
const two = [order(1), order(2)]

describe.each([standalone, standalonePast, fetchAdapter])('over $name', (transport) => {
  describe.each([
    ['a plain client', false],
    ['a client with liveLink', true],
  ])('%s', (_, link) => {
    test('comes back whenever maxDurationMs ends its stream, and leaves nothing behind', async () => {
      const realtime = new FakeRealtime<Shop>(() => one)
      await using session = await openSession(transport, realtime, {
        link,
        live: { graceMs: 0 },
        sse: { maxDurationMs: 60 },
      })
      const recorder = new Recorder<OrderRow[]>((callbacks) => session.client.all.subscribe(undefined, callbacks))
      await recorder.until((rows) => rows.length === 1)
      await vi.waitFor(() => expect(realtime.opened.length).toBeGreaterThan(3), WAIT)
      expect(realtime.handles).toBeLessThanOrEqual(1)
      realtime.commit(() => two)
      expect(await recorder.until((rows) => rows.length === 2)).toEqual(two)
      if (link) expect(recorder.data).toEqual([one, two])
      recorder.unsubscribe()
      await untilFree(realtime)
      expect(session.errors).toEqual([])
    })

    test('is served where every response must end at once', async () => {
      const realtime = new FakeRealtime<Shop>(() => one)
      await using session = await openSession(transport, realtime, {
        link,
        live: { graceMs: 0 },
        sse: { emitAndEndImmediately: true },
      })
      const recorder = new Recorder<OrderRow[]>((callbacks) => session.client.all.subscribe(undefined, callbacks))
      await recorder.until((rows) => rows.length === 1)
      await vi.waitFor(() => expect(realtime.opened.length).toBeGreaterThan(2), WAIT)
      realtime.commit(() => two)
      expect(await recorder.until((rows) => rows.length === 2)).toEqual(two)
      if (link) expect(recorder.data).toEqual([one, two])
      recorder.unsubscribe()
      await untilFree(realtime)
    })
  })

  test('a plain client that leaves while middleware still runs has nothing opened for it', async () => {
    const realtime = new FakeRealtime<Shop>(() => one)
    let open = () => {}
    const gate = new Promise<void>((resolve) => (open = resolve))
    const onMiddleware = vi.fn()
    await using session = await openSession(transport, realtime, { createContext: () => ({ gate, onMiddleware }) })
    const recorder = new Recorder<OrderRow[]>((callbacks) => session.client.slow.subscribe(undefined, callbacks))
    await vi.waitFor(() => expect(onMiddleware).toHaveBeenCalled(), WAIT)
    recorder.unsubscribe()
    await vi.waitFor(() => expect(session.served.connections).toBe(0), WAIT)
    open()
    using later = new Recorder<OrderRow[]>((callbacks) => session.client.all.subscribe(undefined, callbacks))
    await later.until((rows) => rows.length === 1)
    expect(realtime.opened).toHaveLength(1)
  })
})
