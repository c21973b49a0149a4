/**
 * The database that most benchmarks share: customers with orders, and orders with items. Order `id` belongs to customer
 * `(id - 1) % customers + 1`, item `id` to order `(id - 1) % orders + 1`.
 */
import { createRealtime, type Realtime, type RealtimeOptions } from '@pg-realtime/core'
import { createDatabase, type TestDatabase } from '@pg-realtime/tooling/postgres'
import { Kysely, PostgresDialect } from 'kysely'
import type { Pool } from 'pg'

export interface ShopTables {
  customers: { id: number; name: string; region: string }
  orders: { id: number; customer_id: number; status: string; total: number; note: string; written_at: number }
  items: { id: number; order_id: number; product: string; quantity: number; price: number; written_at: number }
}

export interface ShopSize {
  readonly customers: number
  readonly ordersPerCustomer: number
  readonly itemsPerOrder: number
}

export interface Shop extends AsyncDisposable {
  readonly database: TestDatabase
  readonly pool: Pool
  readonly db: Kysely<ShopTables>
  /** An engine on this database, stopped with it. */
  realtime(options?: Partial<RealtimeOptions<ShopTables>>): Realtime<ShopTables>
}

export const REGIONS = ['north', 'east', 'south', 'west']
export const STATUSES = ['pending', 'paid', 'shipped', 'done']

export function shopSchema({ customers, ordersPerCustomer, itemsPerOrder }: ShopSize): string {
  const orders = customers * ordersPerCustomer
  return `
    create table customers (id int primary key, name text not null, region text not null);
    create table orders (id int primary key, customer_id int not null references customers, status text not null,
      total int not null, note text not null, written_at float8 not null default 0);
    create table items (id int primary key, order_id int not null references orders, product text not null,
      quantity int not null, price int not null, written_at float8 not null default 0);
    insert into customers select g, 'customer ' || g, (array['${REGIONS.join("','")}'])[g % 4 + 1]
      from generate_series(1, ${customers}) g;
    insert into orders select g, (g - 1) % ${customers} + 1, (array['${STATUSES.join("','")}'])[g % 4 + 1], g % 1000,
      'order number ' || g from generate_series(1, ${orders}) g;
    insert into items select g, (g - 1) % ${orders} + 1, 'product ' || g % 100, g % 7 + 1, g % 500
      from generate_series(1, ${orders * itemsPerOrder}) g;
    create index on orders (customer_id);
    create index on items (order_id)`
}

export async function openShop(size: ShopSize, create: typeof createDatabase = createDatabase): Promise<Shop> {
  const database = await create({ setup: shopSchema(size) })
  const client = await database.connect()
  await client.query('vacuum analyze')
  await client.end()
  const pool = database.pool({ max: 10 })
  const db = new Kysely<ShopTables>({ dialect: new PostgresDialect({ pool }) })
  const engines: Realtime<ShopTables>[] = []
  return {
    database,
    pool,
    db,
    realtime: (options) => {
      const engine = createRealtime<ShopTables>({ db, pool, ...options })
      engines.push(engine)
      return engine
    },
    [Symbol.asyncDispose]: async () => {
      for (const engine of engines) await engine.stop()
      await database[Symbol.asyncDispose]()
    },
  }
}
