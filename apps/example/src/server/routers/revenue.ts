import { sql } from 'kysely'
import { z } from 'zod'
import { REVENUE, soldItems } from '../sold-items'
import { titled } from '../titles'
import { inOrganisation, live, memberProcedure, router } from '../trpc'

export const revenueRouter = router({
  /** One row: this period, the one before it, today, and the work that is waiting. */
  summary: memberProcedure.input(z.object({ since: z.date(), previous: z.date(), today: z.date() })).subscription(
    live.single(({ input, ctx }) => {
      const period = sql<boolean>`placed_at >= ${input.since} and status <> 'cancelled'`
      const before = sql<boolean>`placed_at < ${input.since} and status <> 'cancelled'`
      return titled(
        'Key figures',
        ctx.db
          .selectFrom('orders')
          .select([
            sql<string>`coalesce(sum(total) filter (where ${period}), 0)`.as('revenue'),
            sql<string>`coalesce(sum(total) filter (where ${before}), 0)`.as('previous_revenue'),
            sql<number>`(count(*) filter (where ${period}))::integer`.as('orders'),
            sql<number>`(count(*) filter (where ${before}))::integer`.as('previous_orders'),
            sql<number>`(count(*) filter (where placed_at >= ${input.today} and status <> 'cancelled'))::integer`.as(
              'today',
            ),
            sql<number>`(count(*) filter (where status in ('pending', 'paid', 'packed')))::integer`.as('open'),
          ])
          .where('org_id', '=', ctx.orgId)
          .where('placed_at', '>=', input.previous),
      )
    }, inOrganisation),
  ),

  byDay: memberProcedure.input(z.object({ since: z.date() })).subscription(
    live(({ input, ctx }) => {
      const day = sql<string>`to_char(orders.placed_at at time zone 'UTC', 'YYYY-MM-DD')`
      return titled(
        'Revenue by day',
        soldItems(ctx.db, ctx.orgId, input.since)
          .select([day.as('day'), 'categories.name as category', 'categories.position', REVENUE.as('revenue')])
          .groupBy([day, 'categories.name', 'categories.position'])
          .orderBy('day')
          .orderBy('categories.position'),
      )
    }, inOrganisation),
  ),
})
