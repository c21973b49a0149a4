import { ConnectionLostError, MissingObjectError } from '@pg-realtime/core'
import { describe, expect, test, vi } from 'vitest'
import { Projection } from '../src/internals/projection.js'
import { deferred } from './support/deferred.js'
import { FakeRealtime } from './support/fake-realtime.js'
import { Recorder, WAIT } from './support/recorder.js'
import { openSession, untilFree } from './support/session.js'
import { createShop, order, type OrderRow, type Shop } from './support/shop.js'
import { transports } from './support/transports.js'

const one = [order(1)]
const two = [order(1), order(2)]
const atOnce = { live: { graceMs: 0 } }

describe.each(transports)('over $name', (transport) => {
  describe.each([
    ['a plain client', false],
    ['a client with liveLink', true],
  ])('%s', (_, link) => {
    test('gets rows, and rows again on each change, with dates and bigints', async () => {
      const realtime = new FakeRealtime<Shop>(() => one)
      await using session = await openSession(transport, realtime, { link })
      using recorder = new Recorder<OrderRow[]>((callbacks) => session.client.all.subscribe(undefined, callbacks))
      expect(await recorder.until((rows) => rows.length === 1)).toEqual(one)
      realtime.commit(() => two)
      expect(await recorder.until((rows) => rows.length === 2)).toEqual(two)
    })

    test('gets bytea as Uint8Array', async () => {
      const realtime = new FakeRealtime<Shop>(() => [{ id: 1, proof: Buffer.from([1, 2, 3]) }])
      await using session = await openSession(transport, realtime, { link })
      using recorder = new Recorder<{ id: number; proof: Uint8Array | null }[]>((callbacks) =>
        session.client.proofs.subscribe(undefined, callbacks),
      )
      expect(await recorder.until((rows) => rows.length === 1)).toEqual([{ id: 1, proof: new Uint8Array([1, 2, 3]) }])
    })

    test('gets one row or undefined, and mapped rows', async () => {
      const realtime = new FakeRealtime<Shop>(() => one)
      await using session = await openSession(transport, realtime, { link })
      using single = new Recorder<OrderRow | undefined>((callbacks) =>
        session.client.one.subscribe({ id: 1 }, callbacks),
      )
      using labels = new Recorder<string[]>((callbacks) => session.client.labels.subscribe(undefined, callbacks))
      expect(await single.until((row) => row !== undefined)).toEqual(order(1))
      expect(await labels.until((rows) => rows.length === 1)).toEqual(['1:code-1'])
      realtime.commit(() => [])
      await single.until((row) => row === undefined)
      await labels.until((rows) => rows.length === 0)
    })

    test('comes back after its connection was cut, whatever its input', async () => {
      const realtime = new FakeRealtime<Shop>(() => one)
      await using session = await openSession(transport, realtime, { link })
      const { client } = session
      const recorders = [
        new Recorder<OrderRow[]>((callbacks) => client.all.subscribe(undefined, callbacks)),
        new Recorder<OrderRow[]>((callbacks) => client.ofShop.subscribe({ shop: 1 }, callbacks)),
        new Recorder<OrderRow[]>((callbacks) => client.nothing.subscribe(undefined, callbacks)),
        new Recorder<OrderRow[]>((callbacks) => client.strict.subscribe({ shop: 1 }, callbacks)),
        new Recorder<OrderRow[]>((callbacks) => client.text.subscribe('text', callbacks)),
        new Recorder<OrderRow[]>((callbacks) => client.list.subscribe([1, 2], callbacks)),
        new Recorder<OrderRow[]>((callbacks) => client.resumes.subscribe({ lastEventId: '7' }, callbacks)),
      ]
      for (const recorder of recorders) await recorder.until((rows) => rows.length === 1)
      const opened = realtime.opened.length
      session.served.cut()
      await vi.waitFor(() => expect(realtime.opened.slice(opened)).toHaveLength(recorders.length), WAIT)
      realtime.commit(() => two)
      for (const recorder of recorders) expect(await recorder.until((rows) => rows.length === 2)).toEqual(two)
      for (const recorder of recorders) recorder.unsubscribe()
    })

    test('frees its live query when it unsubscribes', async () => {
      const realtime = new FakeRealtime<Shop>(() => one)
      await using session = await openSession(transport, realtime, { link, ...atOnce })
      const recorder = new Recorder<OrderRow[]>((callbacks) => session.client.all.subscribe(undefined, callbacks))
      await recorder.until((rows) => rows.length === 1)
      expect(realtime.handles).toBe(1)
      recorder.unsubscribe()
      await untilFree(realtime)
    })

    test('frees its live query when it is gone without a word', async () => {
      const realtime = new FakeRealtime<Shop>(() => one)
      const session = await openSession(transport, realtime, { link, ...atOnce })
      const recorder = new Recorder<OrderRow[]>((callbacks) => session.client.all.subscribe(undefined, callbacks))
      await recorder.until((rows) => rows.length === 1)
      await session.served[Symbol.asyncDispose]()
      await untilFree(realtime)
      expect(realtime.size).toBe(0)
      recorder.unsubscribe()
      await session[Symbol.asyncDispose]()
    })

    test('frees its live query when it unsubscribes before the first result', async () => {
      const realtime = new FakeRealtime<Shop>(() => one)
      realtime.firstResults = new Promise(() => {})
      await using session = await openSession(transport, realtime, { link, ...atOnce })
      const recorder = new Recorder<OrderRow[]>((callbacks) => session.client.all.subscribe(undefined, callbacks))
      await vi.waitFor(() => expect(realtime.handles).toBe(1), WAIT)
      recorder.unsubscribe()
      await untilFree(realtime)
    })

    test('is not troubled by errors that pass', async () => {
      const realtime = new FakeRealtime<Shop>(() => one)
      await using session = await openSession(transport, realtime, { link })
      using recorder = new Recorder<OrderRow[]>((callbacks) => session.client.all.subscribe(undefined, callbacks))
      await recorder.until((rows) => rows.length === 1)
      realtime.loseConnection(new ConnectionLostError('gone'))
      if (link) await session.untilStatus('stale')
      realtime.recover()
      if (link) await session.untilStatus('live')
      realtime.commit(() => two)
      await recorder.until((rows) => rows.length === 2)
      expect(recorder.data).toHaveLength(2)
      expect(recorder.errors).toEqual([])
      expect(session.errors).toEqual([])
    })

    test('is told errors that no retry cures, once, and in general words', async () => {
      const realtime = new FakeRealtime<Shop>(() => {
        throw new MissingObjectError('relation "secret" does not exist')
      })
      await using session = await openSession(transport, realtime, { link, ...atOnce })
      using recorder = new Recorder<OrderRow[]>((callbacks) => session.client.all.subscribe(undefined, callbacks))
      const failure = await recorder.failure()
      expect(failure).toMatchObject({ data: { code: 'NOT_FOUND' } })
      expect((failure as Error).message).not.toContain('secret')
      expect(session.errors).toMatchObject([{ cause: { code: 'MISSING_OBJECT' } }])
      expect(realtime.opened).toHaveLength(1)
      await untilFree(realtime)
    })

    test('keeps its rows while the engine is stopped, and goes on after its start', async () => {
      const realtime = new FakeRealtime<Shop>(() => one)
      await using session = await openSession(transport, realtime, { link })
      using recorder = new Recorder<OrderRow[]>((callbacks) => session.client.all.subscribe(undefined, callbacks))
      await recorder.until((rows) => rows.length === 1)
      await realtime.stop()
      if (link) await session.untilStatus('stale')
      await realtime.start()
      realtime.commit(() => two)
      await recorder.until((rows) => rows.length === 2)
      expect(recorder.errors).toEqual([])
    })

    test('runs in the scope that the context makes', async () => {
      const realtime = new FakeRealtime<Shop>(() => one)
      const live = vi.spyOn(realtime, 'live')
      await using session = await openSession(transport, realtime, { link, createContext: () => ({ user: 'ann' }) })
      using recorder = new Recorder<OrderRow[]>((callbacks) => session.client.mine.subscribe(undefined, callbacks))
      await recorder.until((rows) => rows.length === 1)
      expect(live).toHaveBeenCalledWith(expect.anything(), { scope: { settings: { 'app.user': 'ann' } } })
    })
  })

  describe('liveLink', () => {
    test('keeps the identity of rows that did not change, across a reconnect too', async () => {
      const realtime = new FakeRealtime<Shop>(() => two)
      await using session = await openSession(transport, realtime, { link: true })
      using recorder = new Recorder<OrderRow[]>((callbacks) => session.client.ofShop.subscribe({ shop: 1 }, callbacks))
      const first = await recorder.until((rows) => rows.length === 2)
      session.served.cut()
      realtime.commit(() => [order(1), order(2, 'new')])
      const second = await recorder.until((rows) => rows[1]!.code === 'new')
      expect(second[0]).toBe(first[0])
      expect(second).toEqual([order(1), order(2, 'new')])
    })

    test('keeps the columns of a changed row that did not change, and the other rows', async () => {
      const at = new Date(5)
      const realtime = new FakeRealtime<Shop>(() => [{ ...order(1), at }, order(2), order(3)])
      await using session = await openSession(transport, realtime, { link: true })
      using recorder = new Recorder<OrderRow[]>((callbacks) => session.client.all.subscribe(undefined, callbacks))
      const before = await recorder.until((rows) => rows.length === 3)
      realtime.commit(() => [order(3), { ...order(1, 'new'), at: new Date(5) }, order(4)])
      const after = await recorder.until((rows) => rows[1]!.code === 'new')
      expect(after).toEqual([order(3), { ...order(1, 'new'), at }, order(4)])
      expect(after[0]).toBe(before[2])
      expect(after[1]!.at).toBe(before[0]!.at)
    })

    test('is sent a patch for what it missed while its connection was cut', async () => {
      const rows = Array.from({ length: 50 }, (_, id) => order(id + 1))
      const realtime = new FakeRealtime<Shop>(() => rows)
      await using session = await openSession(transport, realtime, { link: true })
      const lines = vi.spyOn(Projection.prototype, 'lines')
      using recorder = new Recorder<OrderRow[]>((callbacks) => session.client.all.subscribe(undefined, callbacks))
      await recorder.until((data) => data.length === 50)
      session.served.cut()
      realtime.commit(() => [order(1, 'new'), ...rows.slice(1)])
      const after = await recorder.until((data) => data[0]!.code === 'new')
      expect(after[49]).toBe(recorder.data[0]![49])
      // All rows were made into text once, for the first message.
      expect(lines).toHaveBeenCalledTimes(1)
      lines.mockRestore()
    })

    test.each([
      ['an object', false, 'ofShop', { shop: 1 }],
      ['no input', false, 'all', undefined],
      ['no input, by z.void()', true, 'nothing', undefined],
      ['a strict object', true, 'strict', { shop: 1 }],
      ['a string', true, 'text', 'text'],
      ['an array', true, 'list', [1]],
      ['a lastEventId of its own', true, 'resumes', { lastEventId: '7' }],
    ] as const)('is not sent rows again that it holds, with %s', async (_, negotiates, path, input) => {
      const realtime = new FakeRealtime<Shop>(() => one)
      await using session = await openSession(transport, realtime, { link: true, negotiates })
      const procedure = session.client[path] as unknown as {
        subscribe(input: unknown, callbacks: object): Recorder<never>
      }
      using recorder = new Recorder<OrderRow[]>((callbacks) => procedure.subscribe(input, callbacks))
      await recorder.until((rows) => rows.length === 1)
      session.served.cut()
      await session.untilStatus('reconnecting')
      await session.untilStatus('live')
      realtime.commit(() => two)
      await recorder.until((rows) => rows.length === 2)
      expect(recorder.data).toHaveLength(2)
      expect(session.errors).toEqual([])
    })

    test('leaves nothing of itself in the input that a resolver sees', async () => {
      const realtime = new FakeRealtime<Shop>(() => one)
      const live = vi.spyOn(realtime, 'live')
      await using session = await openSession(transport, realtime, { link: true })
      using recorder = new Recorder<OrderRow[]>((callbacks) => session.client.loose.subscribe({ shop: 1 }, callbacks))
      await recorder.until((rows) => rows.length === 1)
      session.served.cut()
      await session.untilStatus('reconnecting')
      await session.untilStatus('live')
      const parameters = live.mock.calls.map(
        ([query]) => (query as { compile(): { parameters: unknown } }).compile().parameters,
      )
      expect(parameters).toEqual([['shop'], ['shop']])
    })

    test('shows nothing older when another server answers that is behind', async () => {
      const ahead = new FakeRealtime<Shop>(() => two)
      ahead.rewind(200)
      const behind = new FakeRealtime<Shop>(() => one)
      const barrier = deferred<void>()
      behind.barriers = () => barrier.promise
      await using session = await openSession(transport, ahead, { link: true })
      using recorder = new Recorder<OrderRow[]>((callbacks) => session.client.all.subscribe(undefined, callbacks))
      await recorder.until((rows) => rows.length === 2)
      await session.served.replace({ router: createShop(behind) })
      await vi.waitFor(() => expect(behind.barrierCalls).toBe(1), WAIT)
      expect(session.status).toBe('reconnecting')
      behind.rewind(300)
      behind.commit(() => [...two, order(3)])
      await recorder.until((rows) => rows.length === 3)
      expect(recorder.data.map((rows) => rows.length)).toEqual([2, 3])
      expect(session.status).toBe('live')
    })

    test('hands on what is no live query as it is', async () => {
      const realtime = new FakeRealtime<Shop>(() => one)
      await using session = await openSession(transport, realtime, { link: true })
      using recorder = new Recorder<string>((callbacks) => session.client.clock.subscribe(undefined, callbacks))
      await recorder.until((tick) => tick === 'tock')
      expect(recorder.data).toEqual(['tick', 'tock'])
    })

    test('stops a subscription that it left while middleware still ran, and leaves nothing open', async () => {
      const realtime = new FakeRealtime<Shop>(() => one)
      const gate = deferred<void>()
      const onMiddleware = vi.fn()
      const createContext = () => ({ gate: gate.promise, onMiddleware })
      await using session = await openSession(transport, realtime, { link: true, createContext, ...atOnce })
      const { client } = session
      const recorder = new Recorder<OrderRow[]>((callbacks) => client.slow.subscribe(undefined, callbacks))
      await vi.waitFor(() => expect(onMiddleware).toHaveBeenCalled(), WAIT)
      recorder.unsubscribe()
      // Once a later request on the same connection is served, whatever was said before it has arrived.
      using second = new Recorder<OrderRow[]>((callbacks) => client.all.subscribe(undefined, callbacks))
      await second.until((rows) => rows.length === 1)
      gate.resolve()
      using third = new Recorder<OrderRow[]>((callbacks) => client.ofShop.subscribe({ shop: 1 }, callbacks))
      await third.until((rows) => rows.length === 1)
      await vi.waitFor(() => expect(realtime.handles).toBe(2), WAIT)
      expect(recorder.data).toEqual([])
    })
  })
})
