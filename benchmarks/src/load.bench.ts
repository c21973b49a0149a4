/**
 * Writers in a process of their own stamp random rows. A rate counts when 99 of 100 writes are in the clients' callbacks
 * within two seconds, in those of all live queries that show the row. Ours and Zero reach their client over a WebSocket;
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
import { highestRate, step, Writers } from './load/rate-search.js'
import { Shown } from './load/shown.js'
import { MIXED, SIMPLE, type Watched, type Workload } from './load/workloads.js'

export const question = 'At which rate of writes is every client still current within two seconds?'

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
  const mixed = await compare(MIXED, options)
  const simple = await compare(SIMPLE, options)
  return {
    vs_poll: mixed('poll'),
    vs_column_level: mixed('column_level'),
    vs_zero: mixed('zero'),
    simple_vs_poll: simple('poll'),
    simple_vs_column_level: simple('column_level'),
    simple_vs_zero: simple('zero'),
  }
}

/** Prints the rates of all; what it returns tells ours ÷ another's, at the smallest size. */
async function compare(workload: Workload, options: BenchOptions): Promise<(name: string) => number | null> {
  const sizes = sized(options, [1_000, 5_000, 20_000], [16])
  const rates = new Map<string, number>()
  for (const size of sizes) {
    const rows: TableRow[] = []
    for (const [name, open] of Object.entries(CONTESTANTS)) {
      const { row, rate } = await measure(open, workload, size, options)
      if (rate !== undefined) rates.set(`${name} ${size}`, rate)
      if (row) rows.push(row)
    }
    printTable(`${workload.name}: ${size.toLocaleString('en-US')} live queries`, rows)
  }
  return (name) => {
    const [ours, theirs] = [rates.get(`ours ${sizes[0]}`), rates.get(`${name} ${sizes[0]}`)]
    return ours === undefined || theirs === undefined ? null : rounded(ours / theirs)
  }
}

async function measure(
  open: Open,
  workload: Workload,
  size: number,
  options: BenchOptions,
): Promise<{ readonly row?: TableRow; readonly rate?: number }> {
  const shopSize = workload.shop(size)
  await using shop = await openShop(shopSize)
  const opened = await open(shop).catch((error: unknown) => String(error))
  if (typeof opened === 'string') return { row: { who: opened, 'writes/s': null } }
  if (!opened) return {}
  await using watcher = opened
  const shown = new Shown(workload, shopSize)
  const watched = workload.watched(size, shopSize).filter(({ kind }) => watcher.kinds?.includes(kind) ?? true)
  const who = watched.length < size ? `${watcher.name}, ${watched.length} of them` : watcher.name
  if (!(await watchAll(watcher, watched, shown))) {
    return { row: { who, 'writes/s': null, ended: `no first results within ${OPEN_MS / 1_000} s` } }
  }
  await using writers = await Writers.start(shop.database.connectionString)
  const order = { durationMs: sized(options, STEP_MS, 300), shop: shopSize, writesItems: workload.writesItems }
  const found = []
  for (let round = 0; round < options.rounds; round += 1) {
    found.push(await highestRate((rate) => step(writers, shown, { ...order, rate })))
  }
  const rate = median(found.map((one) => one.rate))
  const typical = found.toSorted((a, b) => a.rate - b.rate)[Math.floor(found.length / 2)]!
  return { rate, row: { who, 'writes/s': rate, 'p99 ms': typical.p99, ended: typical.end } }
}

/** One of each kind first, as the first visitor of a server is; then all others at once. */
async function watchAll(watcher: Watcher, watched: readonly Watched[], shown: Shown): Promise<boolean> {
  const first = new Map(watched.toReversed().map((one) => [one.kind, one]))
  const others = watched.filter((one) => first.get(one.kind) !== one)
  const open = (one: Watched) => watcher.watch(one.kind, one.id, shown.take(one))
  const opened = Promise.all([...first.values()].map(open)).then(() => Promise.all(others.map(open)))
  return Promise.race([opened.then(() => true), delay(OPEN_MS, false, { ref: false })])
}
