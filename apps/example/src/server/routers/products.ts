import { TRPCError } from '@trpc/server'
import { sql } from 'kysely'
import { z } from 'zod'
import { asOrganisation } from '../database'
import { REVENUE, soldItems } from '../sold-items'
import { titled } from '../titles'
import { inOrganisation, live, memberProcedure, router } from '../trpc'

const productId = z.object({ id: z.number().int() })

export const productsRouter = router({
  list: memberProcedure.subscription(
    live(
      ({ ctx }) =>
        titled(
          'Product list',
          ctx.db
            .selectFrom('products')
            .innerJoin('categories', 'categories.id', 'products.category_id')
            .select(['products.id', 'products.sku', 'products.name', 'products.price', 'products.stock'])
            .select(['products.reorder_level', 'categories.name as category'])
            .where('products.org_id', '=', ctx.orgId)
            .orderBy('products.sku'),
        ),
      inOrganisation,
    ),
  ),

  /** The ten products that sold most since a day. */
  best: memberProcedure.input(z.object({ since: z.date() })).subscription(
    live(
      ({ input, ctx }) =>
        titled(
          'Ten best products',
          soldItems(ctx.db, ctx.orgId, input.since)
            .select(['products.id', 'products.name', 'categories.name as category'])
            .select([sql<number>`sum(order_items.quantity)::integer`.as('units'), REVENUE.as('revenue')])
            .groupBy(['products.id', 'products.name', 'categories.name'])
            .orderBy('revenue', 'desc')
            .orderBy('products.id')
            .limit(10),
        ),
      inOrganisation,
    ),
  ),

  /** The stock alarm. */
  low: memberProcedure.subscription(
    live(
      ({ ctx }) =>
        titled(
          'Stock alarm',
          ctx.db
            .selectFrom('products')
            .select(['id', 'sku', 'name', 'stock', 'reorder_level'])
            .where('org_id', '=', ctx.orgId)
            .whereRef('stock', '<=', 'reorder_level')
            .orderBy('stock')
            .orderBy('id'),
        ),
      inOrganisation,
    ),
  ),

  categories: memberProcedure.query(({ ctx }) =>
    asOrganisation(ctx.orgId, (transaction) =>
      transaction.selectFrom('categories').select(['id', 'name']).orderBy('position').execute(),
    ),
  ),

  restock: memberProcedure
    .input(productId.extend({ quantity: z.number().int().min(1).max(1_000) }))
    .mutation(({ input, ctx }) => change(ctx.orgId, input.id, { stock: sql<number>`stock + ${input.quantity}` })),

  setPrice: memberProcedure
    .input(productId.extend({ price: z.number().positive().max(100_000) }))
    .mutation(({ input, ctx }) => change(ctx.orgId, input.id, { price: input.price.toFixed(2) })),
})

function change(orgId: number, id: number, values: { stock: ReturnType<typeof sql<number>> } | { price: string }) {
  return asOrganisation(orgId, async (transaction) => {
    const { numUpdatedRows } = await transaction
      .updateTable('products')
      .set(values)
      .where('id', '=', id)
      .executeTakeFirst()
    if (numUpdatedRows === 0n) throw new TRPCError({ code: 'NOT_FOUND', message: `There is no product ${id}.` })
  })
}
