/**
 * A program that writes, in a process of its own: so many one-row UPDATEs a second, each sent when it is due whatever
 * became of the one before (it waits only for a free connection). Each stamps its row with the time at which it was sent.
 */
import pg from 'pg'
import type { ShopSize } from '../harness/shop.js'

export interface WriteOrder {
  readonly rate: number
  readonly durationMs: number
  /** Its orders are written, at random; every second write is of an item, if `writesItems`. */
  readonly shop: ShopSize
  readonly writesItems: boolean
}

export interface Write {
  readonly table: 'orders' | 'items'
  readonly id: number
  /** When it was sent, in milliseconds. */
  readonly stamp: number
}

export interface Written {
  readonly writes: readonly Write[]
  readonly seconds: number
}

const CONNECTIONS = 8
const TEXT = {
  orders: 'update orders set written_at = $1, total = total + 1 where id = $2',
  items: 'update items set written_at = $1, quantity = quantity % 9 + 1 where id = $2',
} as const
const pool = new pg.Pool({ connectionString: process.argv[2], max: CONNECTIONS })

process.on('message', (order: WriteOrder) => {
  void write(order).then((written) => process.send?.(written))
})
process.on('disconnect', () => process.exit())
await Promise.all(Array.from({ length: CONNECTIONS }, () => pool.query('select pg_sleep(0.05)')))
process.send?.('ready')

async function write({ rate, durationMs, shop, writesItems }: WriteOrder): Promise<Written> {
  const writes: Write[] = []
  const start = performance.now()
  const total = Math.round((rate * durationMs) / 1_000)
  let next = 0
  const worker = async (index: number): Promise<void> => {
    while (next < total && performance.now() - start < durationMs * 1.1) {
      const due = start + (next++ * 1_000) / rate
      const wait = due - performance.now()
      if (wait > 1) await new Promise((resolve) => setTimeout(resolve, wait))
      const table = writesItems && Math.random() < 0.5 ? 'items' : 'orders'
      const id = rowOf(table, index, shop)
      const stamp = performance.timeOrigin + performance.now()
      await pool.query({ name: table, text: TEXT[table], values: [stamp, id] })
      writes.push({ table, id, stamp })
    }
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, (_, index) => worker(index)))
  return { writes, seconds: (performance.now() - start) / 1_000 }
}

/** Of the writer's own customers, so that a customer's stamps are committed in the order in which they were made. */
function rowOf(
  table: Write['table'],
  writer: number,
  { customers, ordersPerCustomer, itemsPerOrder }: ShopSize,
): number {
  const own = Math.floor((customers - 1 - writer) / CONNECTIONS) + 1
  const customer = 1 + writer + CONNECTIONS * below(own)
  const order = customer + customers * below(ordersPerCustomer)
  return table === 'orders' ? order : order + customers * ordersPerCustomer * below(itemsPerOrder)
}

function below(limit: number): number {
  return Math.floor(Math.random() * limit)
}
