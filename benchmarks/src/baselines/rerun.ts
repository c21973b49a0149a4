import type { Pool, PoolClient } from 'pg'
import type { WatchedRow, Watcher } from '../harness/watcher.js'
import { COLUMNS, runPrepared, type WatchedKind } from '../harness/watcher.js'

export type RerunLevel = 'table' | 'column'

interface RerunQuery {
  readonly kind: WatchedKind
  readonly id: number
  readonly onRows: (rows: readonly WatchedRow[]) => void
  text: string
  isDirty: boolean
  isRunning: boolean
  /** Until then it waits for its window, by `performance.now()`. */
  closedUntil: number
}

const DEPENDENCIES: Readonly<Record<WatchedKind, Readonly<Record<string, readonly string[]>>>> = {
  orders: { orders: COLUMNS.orders },
  items: { items: COLUMNS.items, orders: ['id', 'customer_id'] },
  latest: { orders: ['id', 'customer_id', 'status', 'total', 'written_at'] },
  detail: {
    items: ['id', 'order_id', 'product', 'quantity', 'price', 'written_at'],
    orders: ['id', 'status', 'written_at'],
  },
  spending: {
    items: ['order_id', 'quantity', 'price', 'written_at'],
    orders: ['id', 'customer_id', 'written_at'],
  },
  ranking: { items: ['order_id', 'product', 'quantity', 'price'], orders: ['id', 'customer_id'] },
  document: {
    items: ['id', 'order_id', 'product', 'quantity', 'written_at'],
    orders: ['id', 'status', 'total', 'note', 'written_at'],
  },
}

/**
 * A change of a table, or of a column that a query reads, re-runs each such query by itself, compares, and delivers. At
 * most one run of a query per `throttleMs`, the first at once; all connections of the pool work at the same time.
 */
export class Rerun implements Watcher {
  readonly name: string
  readonly #pool: Pool
  readonly #level: RerunLevel
  readonly #throttleMs: number
  readonly #listener: PoolClient
  readonly #queries = new Set<RerunQuery>()
  #isStopped = false

  private constructor(pool: Pool, level: RerunLevel, throttleMs: number, listener: PoolClient) {
    this.name = `re-run by ${level}, one by one`
    this.#pool = pool
    this.#level = level
    this.#throttleMs = throttleMs
    this.#listener = listener
    listener.on('notification', ({ payload = '' }) => this.#changed(payload))
  }

  static async open(pool: Pool, level: RerunLevel, throttleMs = 500): Promise<Rerun> {
    await pool.query(level === 'table' ? TABLE_TRIGGER : COLUMN_TRIGGER)
    for (const table of ['orders', 'items']) {
      await pool.query(`create trigger rerun after insert or update or delete on ${table}
        ${level === 'table' ? '' : 'for each row'} execute function rerun_notify()`)
    }
    const listener = await pool.connect()
    const rerun = new Rerun(pool, level, throttleMs, listener)
    await listener.query('listen rerun')
    return rerun
  }

  async watch(kind: WatchedKind, id: number, onRows: RerunQuery['onRows']): Promise<() => void> {
    const text = JSON.stringify(await runPrepared(this.#pool, kind, id))
    const query = { kind, id, onRows, text, isDirty: false, isRunning: false, closedUntil: 0 }
    this.#queries.add(query)
    return () => this.#queries.delete(query)
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#isStopped = true
    this.#queries.clear()
    this.#listener.release(true)
    return Promise.resolve()
  }

  #changed(payload: string): void {
    const [table = '', ...columns] = payload.split(' ')
    for (const query of this.#queries) {
      const read = DEPENDENCIES[query.kind][table]
      if (!read) continue
      if (this.#level === 'column' && columns.length > 0 && !columns.some((column) => read.includes(column))) continue
      query.isDirty = true
      if (!query.isRunning) void this.#run(query)
    }
  }

  async #run(query: RerunQuery): Promise<void> {
    query.isRunning = true
    while (query.isDirty && !this.#isStopped && this.#queries.has(query)) {
      const wait = query.closedUntil - performance.now()
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait))
      if (this.#isStopped) return
      query.isDirty = false
      query.closedUntil = performance.now() + this.#throttleMs
      const rows = await runPrepared(this.#pool, query.kind, query.id).catch(() => undefined)
      if (!rows) return
      const text = JSON.stringify(rows)
      if (text === query.text) continue
      query.text = text
      query.onRows(rows)
    }
    query.isRunning = false
  }
}

const TABLE_TRIGGER = `create function rerun_notify() returns trigger language plpgsql as $$ begin
  perform pg_notify('rerun', tg_table_name); return null; end $$`

/** Says which columns an UPDATE changed; equal notifications of one transaction are one. */
const COLUMN_TRIGGER = `create function rerun_notify() returns trigger language plpgsql as $$ begin
  if tg_op <> 'UPDATE' then perform pg_notify('rerun', tg_table_name); return null; end if;
  perform pg_notify('rerun', tg_table_name || ' ' || string_agg(n.key, ' '))
    from jsonb_each(to_jsonb(new)) n join jsonb_each(to_jsonb(old)) o using (key) where n.value is distinct from o.value
    having count(*) > 0;
  return null; end $$`
