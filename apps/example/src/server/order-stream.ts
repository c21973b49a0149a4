import { singleton } from '@pg-realtime/trpc/server'
import { sql, type Transaction } from 'kysely'
import { setTimeout } from 'node:timers/promises'
import { asOrganisation, db, ORDER_STATUSES, type Database } from './database'
import { placeOrder } from './place-order'

const PAUSE_MS = 900

const running = singleton('order streams', () => new Map<number, AbortController>())

/** The demo's customers: starts or stops a steady stream of orders and deliveries in one organisation. */
export async function setOrderStream(orgId: number, on: boolean): Promise<void> {
  await asOrganisation(orgId, (transaction) =>
    transaction.updateTable('order_streams').set({ running: on }).where('org_id', '=', orgId).execute(),
  )
  running.get(orgId)?.abort()
  running.delete(orgId)
  if (!on) return
  const controller = new AbortController()
  running.set(orgId, controller)
  void stream(orgId, controller.signal)
}

/** Streams live in the process: those of an earlier one are over. */
export async function resetOrderStreams(): Promise<void> {
  await db.updateTable('order_streams').set({ running: false }).where('running', '=', true).execute()
}

export function stopOrderStreams(): void {
  for (const controller of running.values()) controller.abort()
  running.clear()
}

async function stream(orgId: number, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await asOrganisation(orgId, (transaction) => oneStep(transaction, orgId))
    } catch (error) {
      // The database may be away for a moment; customers simply come back.
      console.warn(`The order stream skipped a step: ${error instanceof Error ? error.message : String(error)}`)
    }
    await setTimeout(PAUSE_MS * (0.5 + Math.random()), undefined, { signal }).catch(() => undefined)
  }
}

/** A customer buys; now and then the shop works on a waiting order, or fills up an empty shelf. */
async function oneStep(transaction: Transaction<Database>, orgId: number): Promise<void> {
  const dice = Math.random()
  if (dice < 0.3) return advanceAnOrder(transaction)
  if (dice < 0.36) return fillAShelf(transaction)
  const customer = await transaction
    .selectFrom('customers')
    .select('id')
    .orderBy(sql`random()`)
    .limit(1)
    .executeTakeFirstOrThrow()
  const products = await transaction
    .selectFrom('products')
    .select('id')
    .where('stock', '>=', 2)
    .orderBy(sql`random()`)
    .limit(1 + Math.floor(Math.random() * 3))
    .execute()
  const lines = products.map(({ id }) => ({ productId: id, quantity: 1 + Math.floor(Math.random() * 2) }))
  if (lines.length > 0) await placeOrder(transaction, orgId, customer.id, lines)
}

async function advanceAnOrder(transaction: Transaction<Database>): Promise<void> {
  const order = await transaction
    .selectFrom('orders')
    .select(['id', 'status'])
    .where('status', 'in', ['pending', 'paid', 'packed'])
    .orderBy('placed_at', 'desc')
    .limit(1)
    .offset(Math.floor(Math.random() * 12))
    .executeTakeFirst()
  const next = order && ORDER_STATUSES[ORDER_STATUSES.indexOf(order.status) + 1]
  if (next) await transaction.updateTable('orders').set({ status: next }).where('id', '=', order.id).execute()
}

async function fillAShelf(transaction: Transaction<Database>): Promise<void> {
  await transaction
    .updateTable('products')
    .set({ stock: sql<number>`stock + 80` })
    .where('id', 'in', (eb) => eb.selectFrom('products').select('id').orderBy('stock').limit(1))
    .execute()
}
