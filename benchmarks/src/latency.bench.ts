/**
 * Measured from sending COMMIT to the callback in the client, which runs in the same process as the server: for ours, for
 * the floor, and for the peer. Each has a database of its own on the same server. Writes come one by one, 60 ms apart, and
 * ours has no throttle window: this is the way's own time, not the window that an application chooses.
 */
import { sized, type BenchOptions, type Figures } from './harness/benchmark.js'
import { median, percentile, ratio, rounded, worst } from './harness/measure.js'
import type { Pool } from 'pg'
import { Owned } from './harness/owned.js'
import { openPglite, openZero } from './harness/peers.js'
import { watchCore, watchThroughTrpc } from './harness/ours.js'
import { openShop, shopSchema, type Shop } from './harness/shop.js'
import { printTable } from './harness/table.js'
import type { Transport } from './harness/transport.js'
import { commitToCallback, type QueryKind, type Watcher } from './harness/watcher.js'
import { openFloor } from './baselines/floor.js'

export const question = 'How long is it from a commit to the callback of a client?'

const TRANSPORTS: readonly Transport[] = ['WebSocket', 'SSE']
const KINDS: readonly QueryKind[] = ['orders', 'items']
const OTHERS = 10_000
const PEERS = ['zero', 'pglite']

interface Entry {
  readonly name: string
  readonly kind: QueryKind
  readonly watcher: Watcher
  readonly pool: Pick<Pool, 'connect'>
  /** All latencies of each round, milliseconds. */
  readonly rounds: number[][]
}

export async function run(options: BenchOptions): Promise<Figures> {
  const others = sized(options, OTHERS, 20)
  const size = { customers: others + 1, ordersPerCustomer: 5, itemsPerOrder: 2 }
  await using owned = new Owned()
  const open = async (): Promise<Shop> => owned.use(await openShop(size))
  const entries: Entry[] = []
  const add = (name: string, watcher: Watcher, { pool }: Pick<Entry, 'pool'>): void => {
    owned.use(watcher)
    for (const kind of KINDS) entries.push({ name, kind, watcher, pool, rounds: [] })
  }

  const floorShop = await open()
  add('floor', await openFloor(floorShop.pool), floorShop)
  for (const count of [0, others]) {
    const shop = await open()
    const realtime = shop.realtime({ throttleMs: 0 })
    await watchOthers(watchCore(realtime, shop.db), count)
    for (const transport of TRANSPORTS) {
      add(`${transport}, ${count} others`, await watchThroughTrpc(realtime, shop.db, transport), shop)
    }
  }
  const zeroShop = await open()
  const zero = await openZero(zeroShop.database)
  if (zero) add('zero', zero, zeroShop)
  const pglite = await openPglite(shopSchema(size))
  if (pglite) add('pglite', pglite.watcher, pglite)

  await measure(entries, options)
  print(entries)
  return figures(entries, others)
}

async function watchOthers(watcher: Watcher, count: number): Promise<void> {
  const nobody = (): void => {}
  const customers = Array.from({ length: count }, (_, index) => index + 2)
  // One of each shape first, as on a server that has been running for a while.
  for (const kind of KINDS) (await watcher.watch(kind, 1, nobody))()
  await Promise.all(customers.map((customer) => watcher.watch(KINDS[customer % 2]!, customer, nobody)))
}

async function measure(entries: readonly Entry[], options: BenchOptions): Promise<void> {
  const writes = sized(options, 25, 3)
  const once = (entry: Entry, count: number): Promise<number[]> =>
    commitToCallback(entry.watcher, { pool: entry.pool, kind: entry.kind, customer: 1, row: 1 }, count)
  for (const entry of entries) await once(entry, sized(options, 10, 1))
  for (let round = 0; round < options.rounds; round += 1) {
    for (const entry of entries) entry.rounds.push(await once(entry, writes))
  }
}

function print(entries: readonly Entry[]): void {
  printTable(
    'Commit to callback, milliseconds',
    entries.map((entry) => {
      const all = entry.rounds.flat()
      return {
        who: PEERS.includes(entry.name) ? entry.watcher.name : entry.name,
        query: entry.kind === 'orders' ? 'one table' : 'through a join',
        p50: median(entry.rounds.map(median)),
        p99: percentile(all, 0.99),
        '÷ floor': ratio(p50s(entry), p50s(find(entries, 'floor', entry.kind)!)),
      }
    }),
  )
}

function figures(entries: readonly Entry[], others: number): Figures {
  const ours = (count: number, kind: QueryKind): Entry[] =>
    TRANSPORTS.map((transport) => find(entries, `${transport}, ${count} others`, kind)!)
  const against = (name: string, of: (entry: Entry) => number[], kinds = KINDS): number | null =>
    worst(
      kinds.flatMap((kind) => {
        const theirs = find(entries, name, kind)
        return ours(0, kind).map((entry) => (theirs ? ratio(of(entry), of(theirs)) : null))
      }),
    )
  const with10k = KINDS.flatMap((kind) =>
    ours(others, kind).map((entry, index) => ratio(p50s(entry), p50s(ours(0, kind)[index]!))),
  )
  return {
    vs_floor: rounded(against('floor', p50s, ['orders'])),
    join_vs_floor: rounded(against('floor', p50s, ['items'])),
    with_10k: rounded(worst(with10k)),
    vs_zero_p50: rounded(against('zero', p50s)),
    vs_zero_p99: rounded(against('zero', (entry) => [percentile(entry.rounds.flat(), 0.99)])),
  }
}

function find(entries: readonly Entry[], name: string, kind: QueryKind): Entry | undefined {
  return entries.find((entry) => entry.name === name && entry.kind === kind)
}

function p50s(entry: Entry): number[] {
  return entry.rounds.map(median)
}
