import { createLiveStatus, liveLink, type LiveStatusStore } from '@pg-realtime/trpc/client'
import {
  createTRPCClient,
  createWSClient,
  httpBatchLink,
  httpSubscriptionLink,
  splitLink,
  wsLink,
  type TRPCClient,
} from '@trpc/client'
import { createTRPCContext } from '@trpc/tanstack-react-query'
import superjson from 'superjson'
import type { AppRouter } from '@/server/router'

export type Transport = 'ws' | 'sse'

export const { TRPCProvider, useTRPC, useTRPCClient } = createTRPCContext<AppRouter>()

/** DEMO LOGIN: the organisation's name is all that the client presents. A real app relies on its session here. */
const ORGANISATION_PARAM = 'demoOrganisation'

/** While the server renders, nothing subscribes, and Node 20 has no WebSocket to open. */
const isBrowser = typeof window !== 'undefined'

export interface Connection {
  readonly client: TRPCClient<AppRouter>
  /** Whether what the client shows is current. */
  readonly status: LiveStatusStore
}

/** Queries and mutations over HTTP, subscriptions over the chosen transport with `liveLink` in front. */
export function connect(transport: Transport, organisation: string): Connection {
  const status = createLiveStatus()
  const login = { [ORGANISATION_PARAM]: organisation }
  const client = createTRPCClient<AppRouter>({
    links: [
      splitLink({
        condition: (operation) => operation.type === 'subscription',
        true: [
          liveLink({ transformer: superjson, onStatus: status.report }),
          transport === 'ws' && isBrowser ? webSocket(login) : serverSentEvents(login),
        ],
        false: httpBatchLink({ url: '/api/trpc', transformer: superjson, headers: login }),
      }),
    ],
  })
  return { client, status }
}

function webSocket(login: Record<string, string>) {
  const scheme = window.location.protocol === 'https:' ? 'wss' : 'ws'
  const client = createWSClient({
    url: `${scheme}://${window.location.host}/api/ws`,
    connectionParams: login,
    // Opens with the first subscription, and closes by itself after the last one.
    lazy: { enabled: true, closeMs: 2_000 },
    keepAlive: { enabled: true, intervalMs: 10_000, pongTimeoutMs: 5_000 },
    retryDelayMs: (attempt) => Math.min(200 * 2 ** attempt, 3_000),
  })
  return wsLink<AppRouter>({ client, transformer: superjson })
}

function serverSentEvents(login: Record<string, string>) {
  return httpSubscriptionLink({ url: '/api/trpc', transformer: superjson, connectionParams: login })
}
