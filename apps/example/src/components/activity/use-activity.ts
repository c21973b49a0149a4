'use client'

import { useSubscription } from '@trpc/tanstack-react-query'
import { useState } from 'react'
import { useTRPC } from '@/client/trpc'
import type { Activity } from '@/server/activity'

const SHOWN = 60

/** The latest refreshes, the newest first; `undefined` until the server has told. While paused they are collected, and shown afterwards. */
export function useActivity(paused: boolean): readonly Activity[] | undefined {
  const trpc = useTRPC()
  const [entries, setEntries] = useState<readonly Activity[]>()
  const [held, setHeld] = useState<readonly Activity[]>()
  useSubscription(
    trpc.activity.refreshes.subscriptionOptions(undefined, {
      onData: (news) => setEntries((known = []) => merge(known, news)),
    }),
  )
  if (paused && held === undefined && entries !== undefined) setHeld(entries)
  if (!paused && held !== undefined) setHeld(undefined)
  return held ?? entries
}

/** A connection begins with what was recent: after a reconnect much of it is known, after a restart none of it. */
function merge(known: readonly Activity[], news: readonly Activity[]): readonly Activity[] {
  const fresh = new Set(news.map(({ id }) => id))
  return [...news.toReversed(), ...known.filter(({ id }) => !fresh.has(id))].slice(0, SHOWN)
}
