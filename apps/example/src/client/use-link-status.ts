'use client'

import { useEffect, useState, useSyncExternalStore } from 'react'
import { useSession } from './session'

/** From best to worst: how current the page is as a whole. */
export type PageStatus = 'live' | 'connecting' | 'stale' | 'reconnecting'

const PATIENCE_MS = 500

/** The worst status among everything that is live on the page. */
export function useLinkStatus(): PageStatus {
  const { status: store } = useSession()
  const current = useSyncExternalStore(store.subscribe, store.get, () => 'connecting' as const)
  const [shown, setShown] = useState<PageStatus>('connecting')
  useEffect(() => {
    const isWaiting = current === 'connecting' || current === 'idle' || current === 'ended'
    // Another page or filter connects within a moment: that is no news.
    const timer = setTimeout(() => setShown(isWaiting ? 'connecting' : current), isWaiting ? PATIENCE_MS : 0)
    return () => clearTimeout(timer)
  }, [current])
  return shown
}
