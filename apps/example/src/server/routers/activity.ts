import { on } from 'node:events'
import { activityEmitter, recentActivity, type Activity } from '../activity'
import { memberProcedure, router } from '../trpc'

export const activityRouter = router({
  /** What the engine did for this organisation: first the recent refreshes, then each new one. */
  refreshes: memberProcedure.subscription(async function* ({ ctx, signal }): AsyncGenerator<readonly Activity[]> {
    const events = on(activityEmitter, String(ctx.orgId), signal ? { signal } : {})
    yield recentActivity(ctx.orgId)
    for await (const [entry] of events) yield [entry as Activity]
  }),
})
