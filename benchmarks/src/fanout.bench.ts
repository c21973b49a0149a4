/**
 * The CPU time of the server's process and the bytes on the wire for each further subscriber of one query, when one of
 * its 1,000 rows changes: what N subscribers cost more than one, divided by N. Clients are bare sockets in another process,
 * one for each subscriber. The floor writes one ready text, as long as the patch, to as many sockets.
 */
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Update } from '@pg-realtime/core'
import { createLive, liveSocket } from '@pg-realtime/trpc/server'
import { initTRPC } from '@trpc/server'
import { WebSocketServer, type WebSocket } from 'ws'
import { Crowd, subscribeRequest } from './fanout/crowd.js'
import { sized, type BenchOptions, type Figures } from './harness/benchmark.js'
import { median, rounded, worst } from './harness/measure.js'
import { openShop, type Shop } from './harness/shop.js'
import { printTable, type TableRow } from './harness/table.js'
import { serve, type Transport } from './harness/transport.js'

export const question = 'What does each further subscriber of a query cost when a row changes?'

interface Contestant {
  readonly name: string
  /** Makes a server with as many subscribers; `send` makes one change, in which `text` occurs. */
  open(crowd: Crowd, count: number): Promise<{ send(text: string): Promise<unknown> | void; close(): Promise<void> }>
}

const TRANSPORTS: readonly Transport[] = ['WebSocket', 'SSE']

export async function run(options: BenchOptions): Promise<Figures> {
  const sizes = sized(options, [1_000, 10_000], [20])
  await using shop = await openShop({ customers: 1, ordersPerCustomer: 1_000, itemsPerOrder: 1 })
  const rows: TableRow[] = []
  const engine: number[] = []
  const trpc: number[] = []
  for (const transport of TRANSPORTS) {
    for (const count of sizes) {
      await using crowd = new Crowd()
      const measure = (contestant: Contestant) => measureOne(contestant, crowd, count, options)
      const floor = await measure(floorOf(transport))
      const ours = await measure(engineOf(transport, shop))
      const through = await measure(trpcOf(transport, shop))
      engine.push(ours.cpu / floor.cpu)
      trpc.push(through.cpu / floor.cpu)
      for (const [name, { cpu, bytes }] of Object.entries({ floor, engine: ours, trpc: through })) {
        rows.push({
          transport,
          subscribers: count,
          name,
          'µs each': cpu,
          '÷ floor': cpu / floor.cpu,
          'bytes each': bytes,
        })
      }
    }
  }
  printTable('One change of one row in 1,000, for each further subscriber', rows)
  return { engine: rounded(worst(engine)), trpc: rounded(worst(trpc)) }
}

async function measureOne(contestant: Contestant, crowd: Crowd, count: number, { rounds }: BenchOptions) {
  const alone = await series(contestant, crowd, 1, rounds)
  const all = await series(contestant, crowd, count, rounds)
  return { cpu: Math.max(0, all.cpu - alone.cpu) / count, bytes: all.bytes / count }
}

let lastText = 100_000

async function series(contestant: Contestant, crowd: Crowd, count: number, rounds: number) {
  const server = await contestant.open(crowd, count)
  const measured: { cpu: number; bytes: number }[] = []
  for (let round = 0; round < rounds + 2; round += 1) {
    const text = `change ${++lastText}`
    globalThis.gc?.()
    const result = await crowd.receive(text, () => server.send(text))
    if (round >= 2) measured.push(result)
  }
  await crowd.leave()
  await server.close()
  return { cpu: median(measured.map(({ cpu }) => cpu)), bytes: median(measured.map(({ bytes }) => bytes)) }
}

type Write = (text: string) => void

/** A bare server, and a function for each client that writes to it. */
async function openSockets(transport: Transport, crowd: Crowd, count: number) {
  const writes: Write[] = []
  const server = createServer((_, response: ServerResponse) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(': hello\n\n')
    writes.push((text) => response.write(`data: ${text}\n\n`))
  })
  const wss = new WebSocketServer({ server })
  wss.on('connection', (socket: WebSocket) => writes.push((text) => socket.send(text)))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  await crowd.connect((server.address() as AddressInfo).port, count, transport, transport === 'SSE' ? '/' : '')
  const close = () =>
    new Promise<void>((resolve) => {
      for (const socket of wss.clients) socket.terminate()
      server.close(() => resolve())
      server.closeAllConnections()
    })
  return { writes, close }
}

const readyText = (text: string) => `{"patch":[{"kind":"update","to":499,"columns":{"note":"${text}"}}]}`

function floorOf(transport: Transport): Contestant {
  return {
    name: 'floor',
    open: async (crowd, count) => {
      const { writes, close } = await openSockets(transport, crowd, count)
      return {
        send: (text) => {
          const ready = readyText(text)
          for (const write of writes) write(ready)
        },
        close,
      }
    },
  }
}

const ordersOf = ({ db }: Shop) => db.selectFrom('orders').selectAll().orderBy('id')
const change = ({ pool }: Shop, text: string) => pool.query('update orders set note = $1 where id = 500', [text])

/** A handle of its own for each subscriber; the patch is made into text once. */
function engineOf(transport: Transport, shop: Shop): Contestant {
  return {
    name: 'engine',
    open: async (crowd, count) => {
      const realtime = shop.realtime({ throttleMs: 0 })
      const { writes, close } = await openSockets(transport, crowd, count)
      const texts = new WeakMap<object, string>()
      const textOf = ({ patch }: Update<object>): string => {
        let text = texts.get(patch)
        if (text === undefined) {
          const [step] = patch
          text = readyText(step?.kind === 'update' ? (step.row as { note: string }).note : '')
          texts.set(patch, text)
        }
        return text
      }
      const handles = writes.map((write) => {
        const live = realtime.live(ordersOf(shop))
        live.subscribe((update) => {
          if (update.kind === 'rows') write(textOf(update))
        })
        return live
      })
      await Promise.all(handles.map(({ ready }) => ready))
      return {
        send: (text) => change(shop, text),
        close: async () => {
          await realtime.stop()
          await close()
        },
      }
    },
  }
}

function trpcOf(transport: Transport, shop: Shop): Contestant {
  return {
    name: 'trpc',
    open: async (crowd, count) => {
      const realtime = shop.realtime({ throttleMs: 0 })
      const t = initTRPC.create()
      const live = createLive(realtime, { graceMs: 0 })
      const router = t.router({ orders: t.procedure.subscription(live(() => ordersOf(shop))) })
      const served = await serve(transport, router, ({ res }) => liveSocket(res))
      await crowd.connect(served.port, count, transport, subscribeRequest(transport, 'orders'))
      await realtime.barrier()
      // The first bytes say that a subscription has begun; a round that is not measured waits for all of them.
      return {
        send: (text) => change(shop, text),
        close: async () => {
          await served.close()
          await realtime.stop()
        },
      }
    },
  }
}
