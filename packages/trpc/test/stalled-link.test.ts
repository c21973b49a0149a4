/** A client with `liveLink` whose socket stops reading: the server keeps one state for it, the newest. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createTRPCClient, createWSClient, wsLink } from '@trpc/client'
import { applyWSSHandler } from '@trpc/server/adapters/ws'
import superjson from 'superjson'
import { expect, test, vi } from 'vitest'
import WebSocket, { WebSocketServer } from 'ws'
import { liveLink } from '../src/client.js'
import { liveSocket } from '../src/server.js'
import { FakeRealtime } from './support/fake-realtime.js'
import { Recorder, WAIT } from './support/recorder.js'
import { createShop, order, type OrderRow, type Shop, type ShopRouter } from './support/shop.js'

const LARGE = 200_000
/** More than the kernel keeps for a connection that nobody reads from. */
const COMMITS = 200

/** A server, and a client with `liveLink` whose end of the socket is at hand. */
async function connect(realtime: FakeRealtime<Shop>) {
  const server = createServer()
  const wss = new WebSocketServer({ server })
  applyWSSHandler({
    wss,
    router: createShop(realtime, { live: { graceMs: 0, maxBufferedBytes: 100_000 } }),
    createContext: ({ res }) => liveSocket(res),
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const sockets: WebSocket[] = []
  class KeptSocket extends WebSocket {
    constructor(url: string, protocols?: string[]) {
      super(url, protocols)
      sockets.push(this)
    }
  }
  const wsClient = createWSClient({
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
    WebSocket: KeptSocket as never,
  })
  const client = createTRPCClient<ShopRouter>({
    links: [liveLink<ShopRouter>({ transformer: superjson }), wsLink({ client: wsClient, transformer: superjson })],
  })
  return {
    client,
    near: () => sockets[0]!,
    far: () => [...wss.clients][0]!,
    connections: () => sockets.length,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.terminate()
      await wsClient.close()
      wss.close()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

const large = (id: number): OrderRow[] => [order(id, String(id).padEnd(LARGE, 'x')), order(1_000 + id)]

test('what is committed meanwhile makes one state, which it shows once it reads again', async () => {
  const realtime = new FakeRealtime<Shop>(() => large(1))
  await using connection = await connect(realtime)
  using recorder = new Recorder<OrderRow[]>((callbacks) => connection.client.all.subscribe(undefined, callbacks))
  await recorder.until((rows) => rows.length === 2)
  connection.near().pause()
  const far = connection.far()
  const sent = vi.spyOn(far, 'send')
  let mostUnsent = 0
  for (let id = 2; id <= COMMITS; id++) {
    realtime.commit(() => large(id))
    // Lets the iterator be pulled, and the socket be written to.
    await new Promise((resolve) => setImmediate(resolve))
    mostUnsent = Math.max(mostUnsent, far.bufferedAmount)
  }
  const sentMeanwhile = sent.mock.calls.length
  expect(mostUnsent).toBeGreaterThan(100_000)
  expect(mostUnsent).toBeLessThan(3 * LARGE)
  expect(sentMeanwhile).toBeLessThan(COMMITS / 2)
  connection.near().resume()
  expect(await recorder.until((rows) => rows[0]?.id === COMMITS)).toEqual(large(COMMITS))
  expect(sent).toHaveBeenCalledTimes(sentMeanwhile + 1)
  expect(recorder.data).toHaveLength(1 + sentMeanwhile + 1)
  for (const rows of recorder.data) expect(rows).toEqual(large(rows[0]!.id))
  // The rows came through the connection that had stalled.
  expect(connection.connections()).toBe(1)
  realtime.commit(() => large(1))
  await vi.waitFor(() => expect(recorder.last).toEqual(large(1)), WAIT)
})
