/**
 * A program that writes, in a process of its own: so many one-row UPDATEs a second, each sent when it is due whatever
 * became of the one before (it waits only for a free connection). Each stamps its row with the time at which it was sent.
 */
import pg from 'pg'

export interface WriteOrder {
  readonly rate: number
  readonly durationMs: number
  /** Orders 1 to this are written, at random. */
  readonly orders: number
}

/** What was written: pairs of order and stamp, one after the other. */
export interface Written {
  readonly stamps: readonly number[]
  readonly seconds: number
}

const CONNECTIONS = 8
const pool = new pg.Pool({ connectionString: process.argv[2], max: CONNECTIONS })

process.on('message', (order: WriteOrder) => {
  void write(order).then((written) => process.send?.(written))
})
process.on('disconnect', () => process.exit())
await Promise.all(Array.from({ length: CONNECTIONS }, () => pool.query('select pg_sleep(0.05)')))
process.send?.('ready')

async function write({ rate, durationMs, orders }: WriteOrder): Promise<Written> {
  const stamps: number[] = []
  const start = performance.now()
  const total = Math.round((rate * durationMs) / 1_000)
  let next = 0
  const worker = async (index: number): Promise<void> => {
    while (next < total && performance.now() - start < durationMs * 1.1) {
      const due = start + (next++ * 1_000) / rate
      const wait = due - performance.now()
      if (wait > 1) await new Promise((resolve) => setTimeout(resolve, wait))
      // Its own orders, so that stamps of a row are committed in the order in which they were made.
      const order = 1 + index + CONNECTIONS * Math.floor((Math.random() * orders) / CONNECTIONS)
      const stamp = performance.timeOrigin + performance.now()
      await pool.query({ name: 'w', text: 'update orders set written_at = $1 where id = $2', values: [stamp, order] })
      stamps.push(order, stamp)
    }
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, (_, index) => worker(index)))
  return { stamps, seconds: (performance.now() - start) / 1_000 }
}
