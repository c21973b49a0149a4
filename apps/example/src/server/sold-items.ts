import { sql, type Kysely } from 'kysely'
import type { Database } from './database'

/** Items of an organisation's orders since a moment, with order, product and category; without cancelled orders. */
export function soldItems(db: Kysely<Database>, orgId: number, since: Date) {
  return db
    .selectFrom('order_items')
    .innerJoin('orders', 'orders.id', 'order_items.order_id')
    .innerJoin('products', 'products.id', 'order_items.product_id')
    .innerJoin('categories', 'categories.id', 'products.category_id')
    .where('order_items.org_id', '=', orgId)
    .where('orders.placed_at', '>=', since)
    .where('orders.status', '<>', 'cancelled')
}

/** In a query on sold items. */
export const REVENUE = sql<string>`sum(order_items.quantity * order_items.unit_price)`
