import type { TRPCLink } from '@trpc/client'
import type { AnyTRPCRouter } from '@trpc/server'
import { observable } from '@trpc/server/observable'
import { systemClock, type Clock } from './clock.js'
import { LinkSession, type LinkContext } from './link-session.js'
import type { LiveStatusEvent } from './link-status.js'
import { outputTransformer, type Transformer } from './transformer.js'

interface CommonOptions {
  /** Called when the status of a subscription changes; see `createLiveStatus` for something to show. */
  readonly onStatus?: (event: LiveStatusEvent) => void
  /** Milliseconds until try number `attempt` (from 0) after the server failed. Default: 1 to 30 seconds, jittered. */
  readonly retryDelayMs?: (attempt: number) => number
  /** For tests. */
  readonly clock?: Clock
}

type UsesTransformer<Router extends AnyTRPCRouter> = Router['_def']['_config']['$types']['transformer']

/** `transformer` is the one that the terminating link is given, and needed if the router has one. */
export type LiveLinkOptions<Router extends AnyTRPCRouter = AnyTRPCRouter> = CommonOptions &
  (UsesTransformer<Router> extends true
    ? { readonly transformer: Transformer }
    : { readonly transformer?: Transformer })

type Arguments<Router extends AnyTRPCRouter> =
  UsesTransformer<Router> extends true ? [options: LiveLinkOptions<Router>] : [options?: LiveLinkOptions<Router>]

/**
 * A link for subscriptions that live queries serve: rows that did not change keep their identity, a reconnect costs nothing
 * if nothing changed and never shows older rows, and the application learns whether what it shows is current. Put it
 * before the terminating link; subscriptions that are none of ours pass through unchanged.
 *
 * @example
 * ```ts
 * links: [
 *   splitLink({
 *     condition: (op) => op.type === 'subscription',
 *     true: [liveLink({ transformer: superjson }), wsLink({ client, transformer: superjson })],
 *     false: httpBatchLink({ url, transformer: superjson }),
 *   }),
 * ]
 * ```
 */
export function liveLink<Router extends AnyTRPCRouter>(...[options]: Arguments<Router>): TRPCLink<Router> {
  const { transformer, onStatus, retryDelayMs, clock } = (options ?? {}) as LiveLinkOptions
  return () => {
    const context: LinkContext = {
      hasTransformer: transformer !== undefined,
      transformer: outputTransformer(transformer),
      onStatus: onStatus ?? (() => {}),
      retryDelayMs: retryDelayMs ?? jitteredBackoff,
      clock: clock ?? systemClock,
      plainPaths: new Set(),
    }
    let count = 0
    return ({ op, next }) => {
      if (op.type !== 'subscription') return next(op)
      return observable((observer) => {
        const session = new LinkSession(context, {
          subscription: ++count,
          op,
          connect: next,
          observer,
        })
        session.start()
        return () => session.stop()
      })
    }
  }
}

function jitteredBackoff(attempt: number): number {
  const ceiling = Math.min(30_000, 2_000 * 2 ** attempt)
  return ceiling / 2 + (Math.random() * ceiling) / 2
}
