/**
 * Each live query shows one customer's orders; writers in a process of their own stamp random orders. A rate counts when
 * 99 of 100 writes are in the client's callback within two seconds. Ours and Zero reach their client over a WebSocket;
 * the baselines call back in the server, which is to their advantage. Throttles are the default, 500 ms.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { Poll } from './baselines/poll.js'
import { Rerun } from './baselines/rerun.js'
import { sized, type BenchOptions, type Figures } from './harness/benchmark.js'
import { median, rounded } from './harness/measure.js'
import { watchThroughTrpc } from './harness/ours.js'
import { openZero } from './harness/peers.js'
import { openShop, type Shop } from './harness/shop.js'
import { printTable, type TableRow } from './harness/table.js'
import type { Watcher } from './harness/watcher.js'
import { highestRate, Shown, step, Writers } from './load/rate-search.js'

export const question = 'At which rate of writes is every client still current within two seconds?'

const ORDERS_PER_CUSTOMER = 5
const STEP_MS = 2_500
/** Longer than that for the first results, and it counts as not able to. */
const OPEN_MS = 60_000

type Open = (shop: Shop) => Promise<Watcher | undefined>

const CONTESTANTS: Readonly<Record<string, Open>> = {
  ours: (shop) => watchThroughTrpc(shop.realtime(), shop.db, 'WebSocket'),
  poll: (shop) => Promise.resolve(new Poll(shop.pool)),
  column_level: (shop) => Rerun.open(shop.pool, 'column'),
  zero: (shop) => openZero(shop.database),
}

export async function run(options: BenchOptions): Promise<Figures> {
  const sizes = sized(options, [1_000, 5_000, 20_000], [16])
  const rates = new Map<string, number>()
  for (const size of sizes) {
    const rows: TableRow[] = []
    for (const [name, open] of Object.entries(CONTESTANTS)) {
      const { row, rate } = await measure(open, size, options)
      if (rate !== undefined) rates.set(`${name} ${size}`, rate)
      if (row) rows.push(row)
    }
    printTable(`${size.toLocaleString('en-US')} live queries`, rows)
  }
  const against = (name: string): number | null => {
    const [ours, theirs] = [rates.get(`ours ${sizes[0]}`), rates.get(`${name} ${sizes[0]}`)]
    return ours === undefined || theirs === undefined ? null : rounded(ours / theirs)
  }
  return { vs_poll: against('poll'), vs_column_level: against('column_level'), vs_zero: against('zero') }
}

async function measure(
  open: Open,
  size: number,
  options: BenchOptions,
): Promise<{ readonly row?: TableRow; readonly rate?: number }> {
  await using shop = await openShop({ customers: size, ordersPerCustomer: ORDERS_PER_CUSTOMER, itemsPerOrder: 1 })
  await using watcher = await open(shop)
  if (!watcher) return {}
  const shown = new Shown()
  if (!(await watchAll(watcher, size, shown))) {
    return { row: { who: watcher.name, 'writes/s': null, ended: `no first results within ${OPEN_MS / 1_000} s` } }
  }
  await using writers = await Writers.start(shop.database.connectionString)
  const orders = size * ORDERS_PER_CUSTOMER
  const durationMs = sized(options, STEP_MS, 300)
  const found = []
  for (let round = 0; round < options.rounds; round += 1) {
    found.push(await highestRate((rate) => step(writers, shown, { rate, durationMs, orders })))
  }
  const rate = median(found.map((one) => one.rate))
  const typical = found.toSorted((a, b) => a.rate - b.rate)[Math.floor(found.length / 2)]!
  return { rate, row: { who: watcher.name, 'writes/s': rate, 'p99 ms': typical.p99, ended: typical.end } }
}

/** One first, as the first visitor of a server is; then all others at once. */
async function watchAll(watcher: Watcher, size: number, shown: Shown): Promise<boolean> {
  const customers = Array.from({ length: size - 1 }, (_, index) => index + 2)
  const opened = watcher
    .watch('orders', 1, shown.onRows)
    .then(() => Promise.all(customers.map((customer) => watcher.watch('orders', customer, shown.onRows))))
  return Promise.race([opened.then(() => true), delay(OPEN_MS, false, { ref: false })])
}
