/**
 * Bytes on the wire for one subscriber when one column of one row in 1,000 changes: the whole frame or event as tRPC writes
 * it, with its envelope, id and version, divided by the row's JSON.
 */
import { createLive, liveSocket } from '@pg-realtime/trpc/server'
import { initTRPC } from '@trpc/server'
import superjson from 'superjson'
import { Crowd, subscribeRequest } from './fanout/crowd.js'
import type { BenchOptions, Figures } from './harness/benchmark.js'
import { median, rounded, worst } from './harness/measure.js'
import { openShop, type Shop } from './harness/shop.js'
import { printTable, type TableRow } from './harness/table.js'
import { serve, type Transport } from './harness/transport.js'

export const question = 'How many bytes does a change of one row in 1,000 take?'

const TRANSPORTS: readonly Transport[] = ['WebSocket', 'SSE']

export async function run({ rounds }: BenchOptions): Promise<Figures> {
  await using shop = await openShop({ customers: 1, ordersPerCustomer: 1_000, itemsPerOrder: 1 })
  const { rows } = await shop.pool.query(ordersOf(shop).compile().sql)
  const rowBytes = JSON.stringify({ ...(rows[499] as object), note: NOTE(0) }).length
  const allBytes = JSON.stringify(rows).length
  const table: TableRow[] = []
  const ratios: number[] = []
  for (const transport of TRANSPORTS) {
    for (const transformer of [undefined, superjson]) {
      const bytes = await measure(shop, transport, transformer, rounds)
      ratios.push(bytes / rowBytes)
      table.push({
        transport,
        transformer: transformer ? 'superjson' : 'none',
        bytes,
        "row's JSON": rowBytes,
        ratio: bytes / rowBytes,
        'all rows': allBytes,
      })
    }
  }
  printTable('One column of one row in 1,000', table)
  return { ratio: rounded(worst(ratios)) }
}

const ordersOf = ({ db }: Shop) => db.selectFrom('orders').selectAll().orderBy('id')
const NOTE = (round: number) => `changed ${String(round).padStart(4, '0')}`

async function measure(shop: Shop, transport: Transport, transformer: typeof superjson | undefined, rounds: number) {
  const realtime = shop.realtime({ throttleMs: 0 })
  const t = transformer ? initTRPC.create({ transformer }) : initTRPC.create()
  const live = createLive(realtime, transformer ? { transformer } : {})
  const router = t.router({ orders: t.procedure.subscription(live(() => ordersOf(shop))) })
  const served = await serve(transport, router, ({ res }) => liveSocket(res))
  await using crowd = new Crowd()
  await crowd.connect(served.port, 1, transport, subscribeRequest(transport, 'orders', transformer))
  const sizes: number[] = []
  for (let round = 0; round < rounds + 2; round += 1) {
    const update = () => shop.pool.query('update orders set note = $1 where id = 500', [NOTE(round)])
    const { bytes } = await crowd.receive(NOTE(round), update)
    if (round >= 2) sizes.push(bytes)
  }
  await crowd.leave()
  await served.close()
  await realtime.stop()
  return median(sizes)
}
