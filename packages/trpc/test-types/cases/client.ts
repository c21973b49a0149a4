import { createLiveStatus, liveLink } from '@pg-realtime/trpc/client'
import { createTRPCClient, createWSClient, httpBatchLink, httpSubscriptionLink, splitLink, wsLink } from '@trpc/client'
import superjson from 'superjson'
import { same, type Equal } from './expect.js'
import type { AppRouter, JsonRouter } from './server.js'

const url = 'http://localhost:3000/trpc'
const socket = createWSClient({ url: 'ws://localhost:3000' })
const status = createLiveStatus()

const client = createTRPCClient<AppRouter>({
  links: [
    splitLink({
      condition: (op) => op.type === 'subscription',
      true: [
        liveLink({ transformer: superjson, onStatus: status.report }),
        wsLink({ client: socket, transformer: superjson }),
      ],
      false: httpBatchLink({ url, transformer: superjson }),
    }),
  ],
})

export const overSse = createTRPCClient<AppRouter>({
  links: [liveLink({ transformer: superjson }), httpSubscriptionLink({ url, transformer: superjson })],
})

export const withoutTransformer = createTRPCClient<AppRouter>({
  links: [
    // @ts-expect-error the router has a transformer, so the link needs it
    liveLink(),
    httpSubscriptionLink({ url, transformer: superjson }),
  ],
})

export const withoutTransformerInSplit = createTRPCClient<AppRouter>({
  links: [
    splitLink({
      condition: (op) => op.type === 'subscription',
      // @ts-expect-error the same inside of a splitLink
      true: [liveLink({ onStatus: status.report }), wsLink({ client: socket, transformer: superjson })],
      false: httpBatchLink({ url, transformer: superjson }),
    }),
  ],
})

client.byShop.subscribe(
  { shop: 1 },
  {
    onData: (rows) => same<Equal<typeof rows, { id: number; code: string; at: Date; total: bigint }[]>>(),
    onError: (error) => error.data?.code,
  },
)
client.single.subscribe(
  { id: 1 },
  { onData: (row) => same<Equal<typeof row, { id: number; code: string } | undefined>>() },
)
client.all.subscribe(undefined, {
  onData: (rows) => same<Equal<(typeof rows)[number]['proof'], Uint8Array<ArrayBufferLike> | null>>(),
})
client.nested.all.subscribe(undefined, { onData: (rows) => same<Equal<typeof rows, { id: number }[]>>() })
// @ts-expect-error the input is wrong
client.byShop.subscribe({ shop: 'one' }, { onData: () => {} })

const json = createTRPCClient<JsonRouter>({ links: [liveLink(), httpSubscriptionLink({ url })] })
json.orders.subscribe(undefined, { onData: (rows) => same<Equal<typeof rows, { id: number; at: string }[]>>() })

same<Equal<ReturnType<typeof status.get>, 'connecting' | 'live' | 'stale' | 'reconnecting' | 'ended' | 'idle'>>()
export const removal: () => void = status.subscribe(() => {})
