import { createLiveStatus, liveLink } from '@pg-realtime/trpc/client'
import { createTRPCClient, createWSClient, wsLink } from '@trpc/client'
import superjson from 'superjson'
import type { AppRouter } from './server.js'

export const status = createLiveStatus()
export const socket = createWSClient({ url: process.env['URL'] ?? 'ws://localhost:3001' })
export const client = createTRPCClient<AppRouter>({
  links: [
    liveLink({ transformer: superjson, onStatus: status.report }),
    wsLink({ client: socket, transformer: superjson }),
  ],
})

export function showOrders(show: (line: string) => void) {
  return client.orders.subscribe(
    { status: 'pending' },
    {
      onData: (orders) => show(orders.map(({ code, placed_at }) => `${code} ${placed_at.getFullYear()}`).join(', ')),
      onError: (error) => show(`failed: ${error.message}`),
    },
  )
}
