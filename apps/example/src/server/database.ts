import { singleton } from '@pg-realtime/trpc/server'
import { Kysely, PostgresDialect, sql, type Generated, type Transaction } from 'kysely'
import pg from 'pg'

export interface Database {
  organisations: { id: Generated<number>; slug: string; name: string; tagline: string; currency: string }
  categories: { id: Generated<number>; org_id: number; name: string; position: number }
  products: {
    id: Generated<number>
    org_id: number
    category_id: number
    sku: string
    name: string
    price: string
    stock: number
    reorder_level: number
  }
  customers: { id: Generated<number>; org_id: number; name: string; email: string; city: string }
  orders: {
    id: Generated<number>
    org_id: number
    customer_id: number
    status: Generated<OrderStatus>
    placed_at: Generated<Date>
    total: string
    item_count: number
  }
  order_items: {
    id: Generated<number>
    org_id: number
    order_id: number
    product_id: number
    quantity: number
    unit_price: string
  }
  order_streams: { org_id: number; running: boolean }
}

export const ORDER_STATUSES = ['pending', 'paid', 'packed', 'shipped', 'delivered', 'cancelled'] as const
export type OrderStatus = (typeof ORDER_STATUSES)[number]

export const pool = singleton('pool', () => {
  const made = new pg.Pool({ connectionString: process.env['DATABASE_URL'], max: 16 })
  // A restarted database ends idle connections; without a listener that would end the process.
  made.on('error', (error) => console.warn(`Idle database connection lost: ${error.message}`))
  return made
})

export const db = singleton('db', () => new Kysely<Database>({ dialect: new PostgresDialect({ pool }) }))

/** Runs a transaction as the role that row level security applies to, inside one organisation. */
export function asOrganisation<T>(orgId: number, work: (transaction: Transaction<Database>) => Promise<T>): Promise<T> {
  return db.transaction().execute(async (transaction) => {
    await sql`select set_config('role', 'app_member', true), set_config('app.org_id', ${String(orgId)}, true)`.execute(
      transaction,
    )
    return work(transaction)
  })
}
