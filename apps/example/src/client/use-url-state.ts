'use client'

import { useSearchParams } from 'next/navigation'
import { useCallback } from 'react'

export type UrlChange = Readonly<Record<string, string | null>>

/** The query string as state. `push` makes a step that the back button undoes, `replace` (typing) does not. */
export function useUrlState(): [URLSearchParams, (change: UrlChange, how?: 'push' | 'replace') => void] {
  const parameters = useSearchParams()
  const update = useCallback((change: UrlChange, how: 'push' | 'replace' = 'push') => {
    const url = new URL(window.location.href)
    for (const [name, value] of Object.entries(change)) {
      if (value === null || value === '') url.searchParams.delete(name)
      else url.searchParams.set(name, value)
    }
    // The page is the same: Next follows the history without asking the server.
    if (how === 'push') window.history.pushState(null, '', url)
    else window.history.replaceState(null, '', url)
  }, [])
  return [parameters, update]
}
