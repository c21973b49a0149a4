import { setTimeout as delay } from 'node:timers/promises'
import type { Pool } from 'pg'
import type { Kysely } from 'kysely'
import { PAGE_KINDS, pageSql, type PageKind } from './pages.js'
import type { ShopTables } from './shop.js'

/** What is watched in most benchmarks: one customer's orders, by value, or their items, through a join. */
export type QueryKind = 'orders' | 'items'

/** With the queries of whole pages. */
export type WatchedKind = QueryKind | PageKind

export type WatchedRow = Readonly<Record<string, unknown>>

/** Anything that keeps such queries current: ours, a baseline, or what somebody else has built. */
export interface Watcher extends AsyncDisposable {
  readonly name: string
  /** Resolves when the first result is there; `onRows` is called with every later one. Returns the end of it. */
  watch(kind: WatchedKind, id: number, onRows: (rows: readonly WatchedRow[]) => void): Promise<() => void>
  /** What it can express; undefined: everything. */
  readonly kinds?: readonly WatchedKind[]
}

export const COLUMNS = {
  orders: ['id', 'customer_id', 'status', 'total', 'note', 'written_at'],
  items: ['id', 'order_id', 'product', 'quantity', 'price'],
} as const

/** The same two queries as SQL, for those who do not use Kysely. */
export const SQL: Readonly<Record<QueryKind, string>> = {
  orders: `select ${COLUMNS.orders.join(', ')} from orders where customer_id = $1 order by id`,
  items: `select ${COLUMNS.items.map((column) => `items.${column}`).join(', ')} from items
    inner join orders on orders.id = items.order_id where orders.customer_id = $1 order by items.id`,
}

/** Of every kind, with one parameter. */
export const WATCHED_SQL = {
  ...SQL,
  ...Object.fromEntries(PAGE_KINDS.map((kind) => [kind, pageSql(kind)])),
} as Readonly<Record<WatchedKind, string>>

export function ordersOf(db: Kysely<ShopTables>, customer: number) {
  return db.selectFrom('orders').select(COLUMNS.orders).where('customer_id', '=', customer).orderBy('id')
}

export function itemsOf(db: Kysely<ShopTables>, customer: number) {
  return db
    .selectFrom('items')
    .innerJoin('orders', 'orders.id', 'items.order_id')
    .select(['items.id', 'items.order_id', 'items.product', 'items.quantity', 'items.price'])
    .where('orders.customer_id', '=', customer)
    .orderBy('items.id')
}

/** Named statements: parsed and planned once for each connection. */
export async function runPrepared(pool: Pool, kind: WatchedKind, id: number): Promise<readonly WatchedRow[]> {
  const { rows } = await pool.query<WatchedRow>({ name: kind, text: WATCHED_SQL[kind], values: [id] })
  return rows
}

/**
 * Milliseconds from the COMMIT of a change that the watcher shows until its callback has it, for `writes` changes. Apart
 * by a random time, so that no timer of the watcher's own is met again and again at the same point.
 */
export async function commitToCallback(
  watcher: Watcher,
  target: {
    readonly pool: Pick<Pool, 'connect'>
    readonly kind: QueryKind
    readonly customer: number
    readonly row: number
  },
  writes: number,
): Promise<number[]> {
  const { pool, kind, customer, row } = target
  const column = kind === 'orders' ? 'total' : 'price'
  let onValue: (value: unknown) => void = () => {}
  const stop = await watcher.watch(kind, customer, (rows) => onValue(rows.find(({ id }) => id === row)?.[column]))
  const writer = await pool.connect()
  const latencies: number[] = []
  try {
    for (let n = 0; n < writes; n += 1) {
      const value = 1_000_000 + ((n + Math.floor(performance.now())) % 1_000_000)
      const shown = new Promise<number>((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`${watcher.name} showed nothing for 10 s`)), 10_000)
        onValue = (seen) => {
          if (seen !== value) return
          clearTimeout(timer)
          resolve(performance.now())
        }
      })
      await writer.query('begin')
      await writer.query({
        name: `w ${kind}`,
        text: `update ${kind} set ${column} = $1 where id = $2`,
        values: [value, row],
      })
      const start = performance.now()
      await Promise.all([writer.query('commit'), shown])
      latencies.push((await shown) - start)
      await delay(40 + Math.random() * 40)
    }
  } finally {
    writer.release()
    stop()
  }
  return latencies
}
