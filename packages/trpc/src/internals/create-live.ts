import type { Realtime } from '@pg-realtime/core'
import { LiveServer, type LiveDefinition } from './live-server.js'
import type { Call, CreateLiveOptions, Live } from './live-types.js'
import { Subscriber } from './subscriber.js'

/**
 * Makes Kysely queries live in tRPC subscriptions.
 *
 * @example
 * ```ts
 * const live = createLive(realtime, { transformer: superjson })
 *
 * const appRouter = t.router({
 *   pendingOrders: authed.input(z.object({ shop: z.number() })).subscription(
 *     live(
 *       ({ input }) => db.selectFrom('orders').selectAll().where('shop_id', '=', input.shop),
 *       ({ ctx }) => ({ scope: { settings: { 'app.user_id': ctx.userId } } }),
 *     ),
 *   ),
 * })
 * ```
 */
export function createLive<DB>(realtime: Realtime<DB>, options: CreateLiveOptions = {}): Live<DB> {
  const server = new LiveServer(realtime, options)
  const define =
    (single: boolean) =>
    (resolver: LiveDefinition<DB>['resolver'], given?: LiveDefinition<DB>['options']) =>
    (call: Call): AsyncIterable<unknown> => ({
      [Symbol.asyncIterator]: () =>
        new Subscriber((events) => server.prepare({ resolver, options: given, single }, call, events), call.signal),
    })
  // The overloads of `Live` say which data each combination of options makes; here all are one.
  return Object.assign(define(false), { single: define(true) }) as unknown as Live<DB>
}
