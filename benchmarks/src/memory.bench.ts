/**
 * Heap and buffers of the process per live query, beyond its rows: with many live queries of a few rows each, all of one
 * shape, each held by one handle. What the rows take is measured by a copy of them.
 */
import type { LiveQuery } from '@pg-realtime/core'
import { sized, type BenchOptions, type Figures } from './harness/benchmark.js'
import { median, rounded, worst } from './harness/measure.js'
import { openShop, type Shop } from './harness/shop.js'
import { printTable, type TableRow } from './harness/table.js'

export const question = 'What memory does a live query take beside its rows?'

const ROWS = 5

export async function run(options: BenchOptions): Promise<Figures> {
  const sizes = sized(options, [10_000, 50_000], [50])
  const table: TableRow[] = []
  for (const count of sizes) {
    await using shop = await openShop({ customers: count, ordersPerCustomer: ROWS, itemsPerOrder: 0 })
    const rounds: { live: number; rows: number }[] = []
    // Each round is the same from the start; five of the largest would take many minutes and differ by a percent.
    for (let round = 0; round < Math.min(options.rounds, 2); round += 1) rounds.push(await measure(shop, count))
    const total = median(rounds.map(({ live }) => live))
    const rows = median(rounds.map(({ rows: bytes }) => bytes))
    table.push({ 'live queries': count, 'bytes each': total, 'of these rows': rows, beside: total - rows })
  }
  printTable(`Memory of a live query of ${ROWS} rows`, table)
  return { bytes: rounded(worst(table.map(({ beside }) => beside as number))) }
}

async function measure(shop: Shop, count: number): Promise<{ live: number; rows: number }> {
  const realtime = shop.realtime()
  await realtime.start()
  const before = used()
  const lives: LiveQuery<object>[] = []
  for (let customer = 1; customer <= count; customer += 1) {
    lives.push(
      realtime.live(
        shop.db.selectFrom('orders').select(['id', 'status', 'total', 'note']).where('customer_id', '=', customer),
      ),
    )
    if (customer % 1_000 === 0) await Promise.all(lives.slice(-1_000).map(({ ready }) => ready))
  }
  await Promise.all(lives.map(({ ready }) => ready))
  const live = (used() - before) / count
  const beforeCopy = used()
  const copies = lives.map(({ rows }) => rows.map((row) => structuredClone(row)))
  const rows = (used() - beforeCopy) / copies.length
  await realtime.stop()
  return { live, rows }
}

/** Bytes that are reachable. */
function used(): number {
  for (let pass = 0; pass < 3; pass += 1) globalThis.gc?.()
  const { heapUsed, external, arrayBuffers } = process.memoryUsage()
  return heapUsed + external + arrayBuffers
}
