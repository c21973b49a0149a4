import { createTRPCContext, useSubscription } from '@trpc/tanstack-react-query'
import { same, type Equal } from './expect.js'
import type { AppRouter } from './server.js'

const { useTRPC } = createTRPCContext<AppRouter>()

export function Orders() {
  const trpc = useTRPC()
  const { data, status } = useSubscription(trpc.byShop.subscriptionOptions({ shop: 1 }))
  same<Equal<typeof data, { id: number; code: string; at: Date; total: bigint }[] | undefined>>()
  const { data: one } = useSubscription(trpc.single.subscriptionOptions({ id: 1 }, { enabled: status !== 'error' }))
  same<Equal<typeof one, { id: number; code: string } | undefined>>()
  useSubscription(
    trpc.all.subscriptionOptions(undefined, {
      onData: (rows) => same<Equal<(typeof rows)[number]['at'], Date>>(),
    }),
  )
  // @ts-expect-error the input is wrong
  trpc.byShop.subscriptionOptions({ shop: 'one' })
  return null
}
