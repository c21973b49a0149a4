'use client'

import { useLocalStorage } from '@mantine/hooks'
import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { createContext, use, useMemo, useState, type ReactNode } from 'react'
import { connect, TRPCProvider, type Connection, type Transport } from './trpc'

export interface OrganisationSummary {
  readonly slug: string
  readonly name: string
  readonly tagline: string
}

interface Session {
  readonly organisation: OrganisationSummary
  readonly organisations: readonly OrganisationSummary[]
  readonly transport: Transport
  readonly setTransport: (transport: Transport) => void
  readonly status: Connection['status']
}

const SessionContext = createContext<Session | undefined>(undefined)

export function useSession(): Session {
  const session = use(SessionContext)
  if (session === undefined) throw new Error('useSession needs a SessionProvider above it.')
  return session
}

interface SessionProviderProps {
  readonly organisation: OrganisationSummary
  readonly organisations: readonly OrganisationSummary[]
  readonly defaultTransport: Transport
  readonly children: ReactNode
}

export function SessionProvider({ defaultTransport, ...props }: SessionProviderProps) {
  const [transport, setTransport] = useLocalStorage<Transport>({
    key: 'example.transport',
    defaultValue: defaultTransport,
    getInitialValueInEffect: false,
  })
  return (
    <Connected
      // Made anew for another organisation or transport: nothing of one reaches the other, not even a cache.
      key={`${props.organisation.slug} ${transport}`}
      transport={transport}
      setTransport={setTransport}
      {...props}
    />
  )
}

function Connected({ children, ...props }: Omit<Session, 'status'> & { children: ReactNode }) {
  const { organisation, organisations, transport, setTransport } = props
  const [{ client, status }] = useState(() => connect(transport, organisation.slug))
  const [queryClient] = useState(() => new QueryClient({ defaultOptions: { queries: { staleTime: 60_000 } } }))
  const session = useMemo(
    () => ({ organisation, organisations, transport, setTransport, status }),
    [organisation, organisations, transport, setTransport, status],
  )
  return (
    <SessionContext value={session}>
      <QueryClientProvider client={queryClient}>
        <TRPCProvider trpcClient={client} queryClient={queryClient}>
          {children}
        </TRPCProvider>
      </QueryClientProvider>
    </SessionContext>
  )
}
