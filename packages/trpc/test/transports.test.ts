import { createTRPCClient, type TRPCLink } from '@trpc/client'
import { describe, expect, test, vi } from 'vitest'
import { liveLink, type LiveStatusEvent } from '../src/client.js'
import { FakeRealtime } from './support/fake-realtime.js'
import { Recorder, WAIT } from './support/recorder.js'
import { createShop, order, type OrderRow, type Shop, type ShopRouter } from './support/shop.js'
import { transports } from './support/transports.js'
import superjson from 'superjson'

describe.each(transports)('over $name', (transport) => {
  test('a plain client gets rows, and rows again on each change', async () => {
    const realtime = new FakeRealtime<Shop>(() => [order(1)])
    await using served = await transport.serve({ router: createShop(realtime) })
    await using connection = served.connect()
    const client = createTRPCClient<ShopRouter>({ links: [connection.link as TRPCLink<ShopRouter>] })
    using recorder = new Recorder<OrderRow[]>((callbacks) => client.all.subscribe(undefined, callbacks))
    expect(await recorder.until((rows) => rows.length === 1)).toEqual([order(1)])
    realtime.commit(() => [order(1), order(2)])
    expect(await recorder.until((rows) => rows.length === 2)).toEqual([order(1), order(2)])
  })

  test('a link client gets rows in which what did not change is identical', async () => {
    const realtime = new FakeRealtime<Shop>(() => [order(1), order(2)])
    await using served = await transport.serve({ router: createShop(realtime) })
    await using connection = served.connect()
    const statuses: LiveStatusEvent[] = []
    const client = createTRPCClient<ShopRouter>({
      links: [
        liveLink({ transformer: superjson, onStatus: (event) => statuses.push(event) }),
        connection.link as TRPCLink<ShopRouter>,
      ],
    })
    using recorder = new Recorder<OrderRow[]>((callbacks) => client.ofShop.subscribe({ shop: 1 }, callbacks))
    const first = await recorder.until((rows) => rows.length === 2)
    realtime.commit(() => [order(1), order(2, 'new')])
    const second = await recorder.until((rows) => rows[1]?.code === 'new')
    expect(second[0]).toBe(first[0])
    expect(second[1]).not.toBe(first[1])
    expect(second).toEqual([order(1), order(2, 'new')])
    expect(statuses.map(({ status }) => status)).toEqual(['connecting', 'live'])
    served.cut()
    await vi.waitFor(() => expect(statuses.at(-1)?.status).toBe('reconnecting'), WAIT)
    await vi.waitFor(() => expect(statuses.at(-1)?.status).toBe('live'), WAIT)
    expect(recorder.data).toHaveLength(2)
  })
})
