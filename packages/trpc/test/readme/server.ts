import { createRealtime } from '@pg-realtime/core'
import { createLive, liveProcedure, liveSocket, singleton } from '@pg-realtime/trpc/server'
import { initTRPC } from '@trpc/server'
import { applyWSSHandler, type CreateWSSContextFnOptions } from '@trpc/server/adapters/ws'
import { Kysely, PostgresDialect, type Generated } from 'kysely'
import pg from 'pg'
import superjson from 'superjson'
import { WebSocketServer } from 'ws'
import { z } from 'zod'

interface Database {
  orders: { id: Generated<number>; customer_id: number; code: string; status: string; placed_at: Generated<Date> }
}

const pool = new pg.Pool({ connectionString: process.env['DATABASE_URL'] })
pool.on('error', () => {}) // lost idle connections are reported here; without a listener they would end the process
export const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool }) })
export const realtime = singleton('realtime', () => createRealtime({ db, pool }))

// Once per connection. `liveSocket` lets a client that reads slowly slow the server down.
function createContext({ req, res }: CreateWSSContextFnOptions) {
  return { customer: Number(req.headers['x-customer'] ?? 7), ...liveSocket(res) }
}

const t = initTRPC.context<typeof createContext>().create({ transformer: superjson })
const procedure = liveProcedure(t.procedure)
const live = createLive(realtime, { transformer: superjson })

export const appRouter = t.router({
  orders: procedure
    .input(z.object({ status: z.string() }))
    .subscription(
      live(({ input, ctx }) =>
        db
          .selectFrom('orders')
          .select(['id', 'code', 'placed_at'])
          .where('customer_id', '=', ctx.customer)
          .where('status', '=', input.status)
          .orderBy('id'),
      ),
    ),
  order: procedure
    .input(z.object({ id: z.number() }))
    .subscription(live.single(({ input }) => db.selectFrom('orders').selectAll().where('id', '=', input.id))),
})
export type AppRouter = typeof appRouter

export const wss = new WebSocketServer({ port: Number(process.env['PORT'] ?? 3001) })
applyWSSHandler({ wss, router: appRouter, createContext })
