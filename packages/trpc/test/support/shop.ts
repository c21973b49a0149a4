import { initTRPC } from '@trpc/server'
import superjson from 'superjson'
import { z } from 'zod'
import { createLive, liveProcedure, type CreateLiveOptions } from '../../src/server.js'
import type { FakeRealtime } from './fake-realtime.js'

export interface Shop {
  orders: { id: number; shop: number; code: string; at: Date; total: bigint; proof: Buffer | null }
}

export interface Context {
  readonly user?: string
  /** What the middleware of `slow` waits for. */
  readonly gate?: Promise<void>
  readonly onMiddleware?: () => void
}

export interface ShopOptions {
  readonly live?: Omit<CreateLiveOptions, 'transformer'>
  readonly sse?: {
    readonly maxDurationMs?: number
    readonly emitAndEndImmediately?: boolean
    readonly ping?: { readonly enabled: boolean; readonly intervalMs: number }
  }
  /** Whether procedures take announcements for every input. */
  readonly negotiates?: boolean
}

/** A router with a live query behind every kind of input. */
export function createShop(realtime: FakeRealtime<Shop>, { live: options, sse, negotiates = false }: ShopOptions = {}) {
  const t = initTRPC.context<Context>().create({ transformer: superjson, ...(sse && { sse }) })
  const procedure = negotiates ? liveProcedure(t.procedure) : t.procedure
  const live = createLive(realtime, { transformer: superjson, ...options })
  const { db } = realtime
  const orders = db.selectFrom('orders').select(['id', 'code', 'at', 'total'])
  const authed = procedure.use(({ ctx, next }) => next({ ctx: { ...ctx, user: ctx.user ?? 'nobody' } }))
  const slow = procedure.use(async ({ ctx, next }) => {
    ctx.onMiddleware?.()
    await ctx.gate
    return next()
  })
  const toLabel = ({ id, code }: { id: number; code: string }) => {
    if (code === 'bad') throw new TypeError('no label')
    return `${id}:${code}`
  }
  return t.router({
    all: procedure.subscription(live(() => orders)),
    ofShop: procedure
      .input(z.object({ shop: z.number() }))
      .subscription(live(({ input }) => orders.where('shop', '=', input.shop))),
    nothing: procedure.input(z.void()).subscription(live(() => orders)),
    strict: procedure
      .input(z.strictObject({ shop: z.number() }))
      .subscription(live(({ input }) => orders.where('shop', '=', input.shop))),
    text: procedure.input(z.string()).subscription(live(({ input }) => orders.where('code', '=', input))),
    list: procedure.input(z.array(z.number())).subscription(live(({ input }) => orders.where('id', 'in', input))),
    loose: procedure
      .input(z.looseObject({ shop: z.number() }))
      .subscription(live(({ input }) => orders.where('code', '=', Object.keys(input).sort().join()))),
    resumes: procedure
      .input(z.object({ lastEventId: z.string() }))
      .subscription(live(({ input }) => orders.where('code', '=', input.lastEventId))),
    one: procedure
      .input(z.object({ id: z.number() }))
      .subscription(live.single(({ input }) => orders.where('id', '=', input.id))),
    labels: procedure.subscription(live(() => orders, { map: toLabel })),
    proofs: procedure.subscription(live(() => db.selectFrom('orders').select(['id', 'proof']))),
    mine: authed.subscription(
      live(
        () => orders,
        ({ ctx }) => ({ scope: { settings: { 'app.user': ctx.user } } }),
      ),
    ),
    slow: slow.subscription(live(() => orders)),
    /** No live query at all. */
    clock: procedure.subscription(async function* () {
      yield 'tick'
      yield 'tock'
      await new Promise(() => {})
    }),
  })
}

export type ShopRouter = ReturnType<typeof createShop>

export interface OrderRow {
  readonly id: number
  readonly code: string
  readonly at: Date
  readonly total: bigint
}

export function order(id: number, code = `code-${id}`): OrderRow {
  return { id, code, at: new Date(Date.UTC(2026, 0, id)), total: BigInt(id) * 10_000_000_000_000_000n }
}
