import { TRPCError } from '@trpc/server'
import { sql, type Kysely, type SelectQueryBuilder } from 'kysely'
import { z } from 'zod'
import { asOrganisation, ORDER_STATUSES, type Database } from '../database'
import { placeOrder } from '../place-order'
import { titled } from '../titles'
import { inOrganisation, live, memberProcedure, router } from '../trpc'

export const PAGE_SIZE = 25

const filters = z.object({
  search: z.string().max(80).default(''),
  category: z.number().int().optional(),
  /** Orders placed at or after this moment. A parameter, not `now()`: only data changes a live result. */
  since: z.date().optional(),
})

const listInput = filters.extend({
  status: z.enum(ORDER_STATUSES).optional(),
  sort: z.enum(['newest', 'oldest', 'largest']).default('newest'),
  page: z.number().int().min(1).max(2_000).default(1),
})

const byId = z.object({ id: z.number().int() })

export const ordersRouter = router({
  list: memberProcedure.input(listInput).subscription(
    live(({ input, ctx }) => {
      const matching = filtered(ctx.db, ctx.orgId, input)
        .select(['orders.id', 'orders.status', 'orders.placed_at', 'orders.total', 'orders.item_count'])
        .select(['customers.name as customer', 'customers.city'])
        .$if(input.status !== undefined, (query) => query.where('orders.status', '=', input.status!))
        .$if(input.sort === 'newest', (query) => query.orderBy('orders.placed_at', 'desc'))
        .$if(input.sort === 'oldest', (query) => query.orderBy('orders.placed_at'))
        .$if(input.sort === 'largest', (query) => query.orderBy('orders.total', 'desc'))
      return titled(
        'Order list',
        matching
          .orderBy('orders.id', 'desc')
          .limit(PAGE_SIZE)
          .offset((input.page - 1) * PAGE_SIZE),
      )
    }, inOrganisation),
  ),

  /** How many orders match the filters, by status: the numbers on the tabs. */
  counts: memberProcedure.input(filters).subscription(
    live(
      ({ input, ctx }) =>
        titled(
          'Orders by status',
          filtered(ctx.db, ctx.orgId, input)
            .select(['orders.status', sql<number>`count(*)::integer`.as('orders')])
            .groupBy('orders.status'),
        ),
      inOrganisation,
    ),
  ),

  // These two name no organisation: another organisation's order is kept from the page by its policy alone.
  byId: memberProcedure
    .input(byId)
    .subscription(
      live(
        ({ input, ctx }) =>
          titled(
            'Order',
            ctx.db
              .selectFrom('orders')
              .innerJoin('customers', 'customers.id', 'orders.customer_id')
              .select(['orders.id', 'orders.status', 'orders.placed_at', 'orders.total', 'orders.item_count'])
              .select(['customers.name as customer', 'customers.email', 'customers.city'])
              .where('orders.id', '=', input.id),
          ),
        inOrganisation,
      ),
    ),

  items: memberProcedure
    .input(byId)
    .subscription(
      live(
        ({ input, ctx }) =>
          titled(
            'Items of an order',
            ctx.db
              .selectFrom('order_items')
              .innerJoin('products', 'products.id', 'order_items.product_id')
              .innerJoin('categories', 'categories.id', 'products.category_id')
              .select(['order_items.id', 'order_items.quantity', 'order_items.unit_price'])
              .select(['products.name', 'products.sku', 'products.stock', 'categories.name as category'])
              .where('order_items.order_id', '=', input.id)
              .orderBy('order_items.id'),
          ),
        inOrganisation,
      ),
    ),

  setStatus: memberProcedure.input(byId.extend({ status: z.enum(ORDER_STATUSES) })).mutation(({ input, ctx }) =>
    asOrganisation(ctx.orgId, async (transaction) => {
      const { numUpdatedRows } = await transaction
        .updateTable('orders')
        .set({ status: input.status })
        .where('id', '=', input.id)
        .executeTakeFirst()
      if (numUpdatedRows === 0n) throw new TRPCError({ code: 'NOT_FOUND', message: `There is no order ${input.id}.` })
    }),
  ),

  create: memberProcedure
    .input(
      z.object({
        customerId: z.number().int(),
        lines: z.array(z.object({ productId: z.number().int(), quantity: z.number().int().min(1).max(99) })).min(1),
      }),
    )
    .mutation(({ input, ctx }) =>
      asOrganisation(ctx.orgId, (transaction) => placeOrder(transaction, ctx.orgId, input.customerId, input.lines)),
    ),

  customers: memberProcedure
    .input(z.object({ search: z.string().max(80) }))
    .query(({ input, ctx }) =>
      asOrganisation(ctx.orgId, (transaction) =>
        transaction
          .selectFrom('customers')
          .select(['id', 'name', 'city'])
          .where('name', 'ilike', pattern(input.search))
          .orderBy('name')
          .orderBy('id')
          .limit(20)
          .execute(),
      ),
    ),
})

type Matching = SelectQueryBuilder<Database, 'orders' | 'customers', object>

function filtered(db: Kysely<Database>, orgId: number, input: z.infer<typeof filters>): Matching {
  return db
    .selectFrom('orders')
    .innerJoin('customers', 'customers.id', 'orders.customer_id')
    .where('orders.org_id', '=', orgId)
    .$if(input.since !== undefined, (query) => query.where('orders.placed_at', '>=', input.since!))
    .$if(input.search !== '', (query) =>
      query.where((eb) =>
        eb.or([
          eb('customers.name', 'ilike', pattern(input.search)),
          eb('customers.city', 'ilike', pattern(input.search)),
          ...(/^#?\d{1,9}$/.test(input.search) ? [eb('orders.id', '=', Number(input.search.replace('#', '')))] : []),
        ]),
      ),
    )
    .$if(input.category !== undefined, (query) =>
      query.where((eb) =>
        eb.exists(
          eb
            .selectFrom('order_items')
            .innerJoin('products', 'products.id', 'order_items.product_id')
            .select('order_items.id')
            .whereRef('order_items.order_id', '=', 'orders.id')
            .where('products.category_id', '=', input.category!),
        ),
      ),
    )
}

function pattern(search: string): string {
  return `%${search.replace(/[\\%_]/g, '\\$&')}%`
}
