'use client'

import { useDocumentVisibility } from '@mantine/hooks'
import { useSubscription } from '@trpc/tanstack-react-query'
import { useState } from 'react'
import { useSession } from './session'

export interface Live<Data> {
  /** `undefined` until the first result. While another query is on its way, the result of the one before. */
  readonly data: Data | undefined
  /** The data belong to the query before this one. */
  readonly isPrevious: boolean
  /** Why there is no result, where that is final. */
  readonly error: string | undefined
}

type SubscriptionOptions<Data, Failure> = Parameters<typeof useSubscription<Data, Failure>>[0]

/** Subscribes to a live query. Keeps showing rows while the filter changes: tRPC itself would go through `undefined`. */
export function useLive<Data, Failure extends { readonly message: string }>(
  options: SubscriptionOptions<Data, Failure>,
): Live<Data> {
  const enabled = useMayConnect() && options.enabled
  const { data, status, error } = useSubscription({ ...options, enabled })
  const [held, setHeld] = useState(data)
  if (data !== undefined && data !== held) setHeld(data)
  const shown = data ?? held
  return {
    data: shown,
    isPrevious: data === undefined && shown !== undefined,
    // While it reconnects there is an error too, which is nobody's concern: the badge in the header tells.
    error: status === 'error' ? error?.message : undefined,
  }
}

/** Each SSE subscription is a connection, of which browsers allow six per host: hidden tabs give theirs back. */
function useMayConnect(): boolean {
  const { transport } = useSession()
  const visibility = useDocumentVisibility()
  return transport === 'ws' || visibility === 'visible'
}
