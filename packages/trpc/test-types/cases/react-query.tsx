import { liveLink } from '@pg-realtime/trpc/client'
import { httpSubscriptionLink } from '@trpc/client'
import { createTRPCReact } from '@trpc/react-query'
import superjson from 'superjson'
import { same, type Equal } from './expect.js'
import type { AppRouter } from './server.js'

const trpc = createTRPCReact<AppRouter>()

export const client = trpc.createClient({
  links: [liveLink({ transformer: superjson }), httpSubscriptionLink({ url: '/trpc', transformer: superjson })],
})

export function Orders() {
  trpc.byShop.useSubscription(
    { shop: 1 },
    { onData: (rows) => same<Equal<typeof rows, { id: number; code: string; at: Date; total: bigint }[]>>() },
  )
  const { data } = trpc.single.useSubscription({ id: 1 })
  same<Equal<typeof data, { id: number; code: string } | undefined>>()
  // @ts-expect-error the input is wrong
  trpc.byShop.useSubscription({ shop: 'one' })
  return null
}
