import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { applyWSSHandler } from '@trpc/server/adapters/ws'
import superjson from 'superjson'
import { expect, test, vi } from 'vitest'
import WebSocket, { WebSocketServer } from 'ws'
import { liveSocket } from '../src/server.js'
import { deferred } from './support/deferred.js'
import { FakeRealtime } from './support/fake-realtime.js'
import { Recorder, WAIT } from './support/recorder.js'
import { openSession } from './support/session.js'
import { createShop, order, type OrderRow, type Shop } from './support/shop.js'
import { websocket } from './support/transports.js'

interface Frame {
  readonly result?: { readonly type: string; readonly data?: { readonly json: readonly OrderRow[] } }
}

const REQUEST = { id: 1, method: 'subscription', params: { path: 'all', input: superjson.serialize(undefined) } }

/** A server, and a client that can stop reading. */
async function connectRaw(realtime: FakeRealtime<Shop>, context: (socket: WebSocket) => object) {
  const server = createServer()
  const wss = new WebSocketServer({ server })
  applyWSSHandler({
    wss,
    router: createShop(realtime, { live: { graceMs: 0, maxBufferedBytes: 100_000 } }),
    createContext: ({ res }) => context(res),
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`)
  const frames: Frame[] = []
  client.on('message', (data: Buffer) => frames.push(JSON.parse(data.toString('utf8')) as Frame))
  await new Promise((resolve) => client.once('open', resolve))
  const [socket] = wss.clients
  return {
    client,
    frames,
    socket: socket!,
    subscribe: () => client.send(JSON.stringify(REQUEST)),
    rows: () => frames.flatMap(({ result }) => (result?.type === 'data' ? [result.data!.json] : [])),
    [Symbol.asyncDispose]: async () => {
      client.terminate()
      wss.close()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

const LARGE = 200_000

test('a client that reads slowly is sent no more than it reads, and then the newest rows', async () => {
  const large = (id: number) => [order(id, String(id).padEnd(LARGE, 'x'))]
  const realtime = new FakeRealtime<Shop>(() => large(1))
  await using connection = await connectRaw(realtime, (socket) => liveSocket(socket))
  connection.subscribe()
  await vi.waitFor(() => expect(connection.rows()).toHaveLength(1), WAIT)
  connection.client.pause()
  let mostUnsent = 0
  for (let id = 2; id <= 200; id++) {
    realtime.commit(() => large(id))
    // Lets the iterator be pulled, and the socket be written to.
    await new Promise((resolve) => setImmediate(resolve))
    mostUnsent = Math.max(mostUnsent, connection.socket.bufferedAmount)
  }
  expect(mostUnsent).toBeGreaterThan(0)
  expect(mostUnsent).toBeLessThan(3 * LARGE)
  connection.client.resume()
  await vi.waitFor(() => expect(connection.rows().at(-1)?.[0]?.id).toBe(200), WAIT)
  expect(connection.rows().length).toBeLessThan(150)
})

test('a client that stops reading and goes leaves nothing behind', async () => {
  const realtime = new FakeRealtime<Shop>(() => [order(1, 'x'.repeat(LARGE))])
  await using connection = await connectRaw(realtime, (socket) => liveSocket(socket))
  connection.subscribe()
  await vi.waitFor(() => expect(realtime.handles).toBe(1), WAIT)
  connection.client.pause()
  for (let id = 2; id <= 50; id++) {
    realtime.commit(() => [order(id, 'x'.repeat(LARGE))])
    await new Promise((resolve) => setImmediate(resolve))
  }
  connection.client.terminate()
  await vi.waitFor(() => expect(realtime.handles).toBe(0), WAIT)
})

test('a plain client that leaves while middleware still runs has nothing open when its socket is closed', async () => {
  const realtime = new FakeRealtime<Shop>(() => [order(1)])
  const gate = deferred<void>()
  const onMiddleware = vi.fn()
  const createContext = () => ({ gate: gate.promise, onMiddleware })
  await using session = await openSession(websocket, realtime, { createContext, live: { graceMs: 0 } })
  const recorder = new Recorder<OrderRow[]>((callbacks) => session.client.slow.subscribe(undefined, callbacks))
  await vi.waitFor(() => expect(onMiddleware).toHaveBeenCalled(), WAIT)
  recorder.unsubscribe()
  // Once a later request on the same socket is served, the stop has arrived; tRPC before 11.25 has lost it then.
  const later = new Recorder<OrderRow[]>((callbacks) => session.client.all.subscribe(undefined, callbacks))
  await later.until((rows) => rows.length === 1)
  gate.resolve()
  later.unsubscribe()
  session.served.cut()
  await vi.waitFor(() => expect(realtime.handles).toBe(0), WAIT)
})

test.each([
  ['a plain client', false],
  ['a client with liveLink', true],
])('%s follows when the server asks it to reconnect', async (_, link) => {
  const realtime = new FakeRealtime<Shop>(() => [order(1)])
  await using session = await openSession(websocket, realtime, { link, live: { graceMs: 0 } })
  using recorder = new Recorder<OrderRow[]>((callbacks) => session.client.all.subscribe(undefined, callbacks))
  await recorder.until((rows) => rows.length === 1)
  session.served.askToReconnect?.()
  await vi.waitFor(() => expect(realtime.opened).toHaveLength(2), WAIT)
  await vi.waitFor(() => expect(realtime.handles).toBe(1), WAIT)
  realtime.commit(() => [order(1), order(2)])
  await recorder.until((rows) => rows.length === 2)
  // Nobody is sent the first rows twice who says that he has them.
  expect(recorder.data).toHaveLength(link ? 2 : 3)
})
