import type { Realtime } from '@pg-realtime/core'
import { createLive, liveProcedure, liveSocket } from '@pg-realtime/trpc/server'
import { initTRPC, TRPCError, type inferRouterInputs, type inferRouterOutputs } from '@trpc/server'
import { sql, type Generated, type Kysely } from 'kysely'
import superjson from 'superjson'
import { z } from 'zod'
import { same, type Equal } from './expect.js'

interface Database {
  orders: { id: Generated<number>; shop: number; code: string; at: Date; total: bigint; proof: Buffer | null }
  items: { id: Generated<number>; order_id: number; photos: Buffer[]; tags: string[] }
}

declare const db: Kysely<Database>
declare const realtime: Realtime<Database>

interface Context {
  readonly user: { readonly id: string } | undefined
  readonly socket: unknown
}

export const createContext = (socket: unknown): Context => ({ user: undefined, socket, ...liveSocket(socket) })

const t = initTRPC.context<Context>().create({ transformer: superjson })
const live = createLive(realtime, { transformer: superjson, graceMs: 1_000 })
const authed = t.procedure.use(({ ctx, next }) => {
  if (!ctx.user) throw new TRPCError({ code: 'UNAUTHORIZED' })
  return next({ ctx: { user: ctx.user } })
})
const negotiating = liveProcedure(authed)
same<Equal<typeof negotiating, typeof authed>>()

/** Written once for all procedures whose context has a user. */
const asUser = ({ ctx }: { readonly ctx: { readonly user: { readonly id: string } } }) => ({
  scope: { settings: { 'app.user_id': ctx.user.id } },
})

export const appRouter = t.router({
  all: t.procedure.subscription(live(() => db.selectFrom('orders').selectAll())),
  byShop: authed.input(z.object({ shop: z.number() })).subscription(
    live(
      ({ input, ctx }) => {
        same<Equal<typeof input, { shop: number }>>()
        same<Equal<typeof ctx.user, { readonly id: string }>>()
        return db.selectFrom('orders').select(['id', 'code', 'at', 'total']).where('shop', '=', input.shop)
      },
      ({ input, ctx }) => {
        same<Equal<typeof input, { shop: number }>>()
        return { scope: { settings: { 'app.user_id': ctx.user.id } }, throttleMs: 100 }
      },
    ),
  ),
  single: authed
    .input(z.strictObject({ id: z.number() }))
    .subscription(
      live.single(({ input }) => db.selectFrom('orders').select(['id', 'code']).where('id', '=', input.id)),
    ),
  mapped: t.procedure.subscription(
    live(() => db.selectFrom('orders').select(['id', 'at']), {
      map: (row) => ({ key: row.id, year: row.at.getFullYear() }),
    }),
  ),
  mappedByFunction: t.procedure.input(z.string()).subscription(
    live.single(
      () => db.selectFrom('orders').select(['id', 'code']),
      ({ input }) => ({ map: (row: { id: number }) => `${input}${row.id}` }),
    ),
  ),
  asynchronous: t.procedure.subscription(
    live(async () => {
      await Promise.resolve()
      return db.selectFrom('items').select(['id', 'photos', 'tags'])
    }),
  ),
  raw: t.procedure.subscription(live(() => sql<{ revenue: string }>`select sum(total) as revenue from orders`)),
  joined: negotiating
    .input(z.void())
    .subscription(
      live(() =>
        db.selectFrom('orders').innerJoin('items', 'items.order_id', 'orders.id').select(['orders.id', 'items.tags']),
      ),
    ),
  filtered: t.procedure.subscription(
    live(() => db.selectFrom('orders').select(['id', 'code']), {
      refresh: { orders: { shop: 1 } },
      dependsOn: ['items'],
    }),
  ),
  shared: authed.subscription(live(() => db.selectFrom('orders').select('id'), asUser)),
  sharedWithInput: authed.input(z.number()).subscription(
    live.single(({ input, ctx }) => {
      same<Equal<typeof input, number>>()
      same<Equal<typeof ctx.user, { readonly id: string }>>()
      return db.selectFrom('orders').select(['id', 'code']).where('id', '=', input)
    }, asUser),
  ),
  // @ts-expect-error nobody need be signed in here
  sharedWithoutUser: t.procedure.subscription(live(() => db.selectFrom('orders').select('id'), asUser)),
  nested: t.router({ all: t.procedure.subscription(live(() => db.selectFrom('orders').select('id'))) }),
  // @ts-expect-error a table that does not exist
  wrongTable: t.procedure.subscription(live(() => db.selectFrom('orders').select('id'), { dependsOn: ['ordes'] })),
  // @ts-expect-error no query
  noQuery: t.procedure.subscription(live(() => [1, 2, 3])),
})

export type AppRouter = typeof appRouter

type Outputs = inferRouterOutputs<AppRouter>
type Inputs = inferRouterInputs<AppRouter>
type Rows<Output> = Output extends AsyncIterable<infer Row> ? Row : never

interface Order {
  id: number
  shop: number
  code: string
  at: Date
  total: bigint
  proof: Uint8Array | null
}

same<Equal<Inputs['byShop'], { shop: number }>>()
same<Equal<Inputs['all'], void>>()
same<Equal<Rows<Outputs['all']>, { [Column in keyof Order]: Order[Column] }[]>>()
same<Equal<Rows<Outputs['byShop']>, { id: number; code: string; at: Date; total: bigint }[]>>()
same<Equal<Rows<Outputs['single']>, { id: number; code: string } | undefined>>()
same<Equal<Rows<Outputs['mapped']>, { key: number; year: number }[]>>()
same<Equal<Rows<Outputs['mappedByFunction']>, string | undefined>>()
same<Equal<Rows<Outputs['asynchronous']>, { id: number; photos: Uint8Array[]; tags: string[] }[]>>()
same<Equal<Rows<Outputs['raw']>, { revenue: string }[]>>()
same<Equal<Rows<Outputs['joined']>, { id: number; tags: string[] }[]>>()
same<Equal<Rows<Outputs['filtered']>, { id: number; code: string }[]>>()
same<Equal<Rows<Outputs['shared']>, { id: number }[]>>()
same<Equal<Rows<Outputs['sharedWithInput']>, { id: number; code: string } | undefined>>()
same<Equal<Rows<Outputs['nested']['all']>, { id: number }[]>>()

/** A router without a transformer: what arrives is what JSON makes of it. */
const json = initTRPC.create()
const jsonLive = createLive(realtime)
export const jsonRouter = json.router({
  orders: json.procedure.subscription(jsonLive(() => db.selectFrom('orders').select(['id', 'at']))),
})
export type JsonRouter = typeof jsonRouter
