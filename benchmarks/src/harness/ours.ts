import type { Realtime } from '@pg-realtime/core'
import { liveLink } from '@pg-realtime/trpc/client'
import { createLive, liveSocket } from '@pg-realtime/trpc/server'
import { createTRPCClient, type TRPCLink } from '@trpc/client'
import { initTRPC } from '@trpc/server'
import type { Kysely } from 'kysely'
import { z } from 'zod'
import type { ShopTables } from './shop.js'
import { PAGES } from './pages.js'
import { serve, type Transport } from './transport.js'
import { itemsOf, ordersOf, type WatchedKind, type WatchedRow, type Watcher } from './watcher.js'

const QUERIES = { ...PAGES, orders: ordersOf, items: itemsOf } as const

/** Live queries of the core, without a network. */
export function watchCore(realtime: Realtime<ShopTables>, db: Kysely<ShopTables>): Watcher {
  return {
    name: 'ours, in the server',
    watch: async (kind, id, onRows) => {
      const live = realtime.live(QUERIES[kind](db, id))
      await live.ready
      live.subscribe(({ kind: update, rows }) => {
        if (update === 'rows') onRows(rows)
      })
      return () => void live.close()
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

/** The whole way: a tRPC server and, in the same process, a client with `liveLink`. */
export async function watchThroughTrpc(
  realtime: Realtime<ShopTables>,
  db: Kysely<ShopTables>,
  transport: Transport,
): Promise<Watcher> {
  const router = shopRouter(realtime, db)
  const served = await serve(transport, router, ({ res }) => liveSocket(res))
  const connection = served.connect()
  const client = createTRPCClient<typeof router>({
    links: [liveLink<typeof router>(), connection.link as TRPCLink<typeof router>],
  })
  return {
    name: `ours, ${transport}`,
    watch: (kind, id, onRows) => untilFirst((callbacks) => client[kind].subscribe({ id }, callbacks), onRows),
    [Symbol.asyncDispose]: async () => {
      await connection.close()
      await served.close()
    },
  }
}

function shopRouter(realtime: Realtime<ShopTables>, db: Kysely<ShopTables>) {
  const t = initTRPC.create()
  const live = createLive(realtime)
  const procedure = t.procedure.input(z.object({ id: z.number() }))
  return t.router({
    orders: procedure.subscription(live(({ input }) => ordersOf(db, input.id))),
    items: procedure.subscription(live(({ input }) => itemsOf(db, input.id))),
    latest: procedure.subscription(live(({ input }) => PAGES.latest(db, input.id))),
    detail: procedure.subscription(live(({ input }) => PAGES.detail(db, input.id))),
    spending: procedure.subscription(live(({ input }) => PAGES.spending(db, input.id))),
    ranking: procedure.subscription(live(({ input }) => PAGES.ranking(db, input.id))),
    document: procedure.subscription(live(({ input }) => PAGES.document(db, input.id))),
  } satisfies Record<WatchedKind, unknown>)
}

interface Callbacks {
  readonly onData: (rows: readonly WatchedRow[]) => void
  readonly onError: (error: unknown) => void
}

function untilFirst(
  subscribe: (callbacks: Callbacks) => { unsubscribe(): void },
  onRows: (rows: readonly WatchedRow[]) => void,
): Promise<() => void> {
  return new Promise((resolve, reject) => {
    let isFirst = true
    const subscription = subscribe({
      onError: reject,
      onData: (rows) => {
        if (!isFirst) return onRows(rows)
        isFirst = false
        resolve(() => subscription.unsubscribe())
      },
    })
  })
}
