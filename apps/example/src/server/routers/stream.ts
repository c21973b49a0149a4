import { z } from 'zod'
import { asOrganisation } from '../database'
import { setOrderStream } from '../order-stream'
import { titled } from '../titles'
import { inOrganisation, live, memberProcedure, router } from '../trpc'

/** The demo's stream of orders. Its state is a row like any other, so every window shows the same switch. */
export const streamRouter = router({
  state: memberProcedure.subscription(
    live(
      ({ ctx }) =>
        titled('Order stream', ctx.db.selectFrom('order_streams').select('running').where('org_id', '=', ctx.orgId)),
      inOrganisation,
    ),
  ),
  /** The same, asked once: for transports that pay a connection per subscription. */
  get: memberProcedure.query(({ ctx }) =>
    asOrganisation(ctx.orgId, (transaction) =>
      transaction.selectFrom('order_streams').select('running').executeTakeFirstOrThrow(),
    ),
  ),
  set: memberProcedure
    .input(z.object({ running: z.boolean() }))
    .mutation(({ input, ctx }) => setOrderStream(ctx.orgId, input.running)),
})
