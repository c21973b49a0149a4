import { TRPCError } from '@trpc/server'
import { sql, type Transaction } from 'kysely'
import type { Database } from './database'

export interface OrderLine {
  readonly productId: number
  readonly quantity: number
}

/** Inserts an order with its items and takes them from stock. The transaction must be inside of the organisation. */
export async function placeOrder(
  transaction: Transaction<Database>,
  orgId: number,
  customerId: number,
  lines: readonly OrderLine[],
): Promise<{ id: number }> {
  const prices = await takeFromStock(transaction, lines)
  const cents = lines.reduce((sum, line) => sum + line.quantity * toCents(prices.get(line.productId)!), 0)
  const order = await transaction
    .insertInto('orders')
    .values({
      org_id: orgId,
      customer_id: customerId,
      total: (cents / 100).toFixed(2),
      item_count: lines.reduce((sum, line) => sum + line.quantity, 0),
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  await transaction
    .insertInto('order_items')
    .values(
      lines.map((line) => ({
        org_id: orgId,
        order_id: order.id,
        product_id: line.productId,
        quantity: line.quantity,
        unit_price: prices.get(line.productId)!,
      })),
    )
    .execute()
  return order
}

/** Returns the price of each product. In the order of ids, so that two orders of the same products cannot deadlock. */
async function takeFromStock(
  transaction: Transaction<Database>,
  lines: readonly OrderLine[],
): Promise<ReadonlyMap<number, string>> {
  const prices = new Map<number, string>()
  for (const line of lines.toSorted((a, b) => a.productId - b.productId)) {
    const product = await transaction
      .updateTable('products')
      .set({ stock: sql<number>`stock - ${line.quantity}` })
      .where('id', '=', line.productId)
      .where('stock', '>=', line.quantity)
      .returning('price')
      .executeTakeFirst()
    if (product === undefined)
      throw new TRPCError({ code: 'CONFLICT', message: 'One of the products is not in stock in that quantity.' })
    prices.set(line.productId, product.price)
  }
  return prices
}

function toCents(price: string): number {
  return Math.round(Number(price) * 100)
}
