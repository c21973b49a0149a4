'use client'

import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useSession } from '@/client/session'
import { useTRPC } from '@/client/trpc'
import { useLive } from '@/client/use-live'

/** Whether orders stream in: live over WebSocket; over SSE, where it is not worth a connection, asked now and then. */
export function useStreamState(): { running: boolean | undefined; refetch: () => void } {
  const trpc = useTRPC()
  const queryClient = useQueryClient()
  const isLive = useSession().transport === 'ws'
  const { data: rows } = useLive({ ...trpc.stream.state.subscriptionOptions(), enabled: isLive })
  const { data } = useQuery({ ...trpc.stream.get.queryOptions(), enabled: !isLive, refetchInterval: 10_000 })
  return {
    running: isLive ? rows?.[0]?.running : data?.running,
    refetch: () => void queryClient.invalidateQueries(trpc.stream.get.queryFilter()),
  }
}
