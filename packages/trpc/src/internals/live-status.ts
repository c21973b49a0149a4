import type { LiveLinkStatus, LiveStatusEvent } from './link-status.js'

export interface LiveStatusStore {
  /** Give this to `liveLink({ onStatus })`. */
  readonly report: (event: LiveStatusEvent) => void
  /** The worst status of all open subscriptions; `idle`: there are none. */
  readonly get: () => LiveLinkStatus | 'idle'
  /** The status of one subscription: the worst, if several have this path and input. */
  readonly of: (path: string, input?: unknown) => LiveLinkStatus | 'idle'
  /** Called after each change of any status. Returns its own removal. */
  readonly subscribe: (listener: () => void) => () => void
}

const BEST_FIRST: readonly (LiveLinkStatus | 'idle')[] = ['idle', 'live', 'connecting', 'stale', 'reconnecting']

/**
 * Collects the statuses of a client's subscriptions, in the form that React's `useSyncExternalStore` wants.
 *
 * @example
 * ```tsx
 * export const liveStatus = createLiveStatus()
 * // links: [liveLink({ onStatus: liveStatus.report }), wsLink({ client })]
 *
 * function StatusBadge() {
 *   const status = useSyncExternalStore(liveStatus.subscribe, liveStatus.get, () => 'connecting')
 *   return <span>{status}</span>
 * }
 * ```
 */
export function createLiveStatus(): LiveStatusStore {
  const events = new Map<number, LiveStatusEvent>()
  const listeners = new Set<{ readonly call: () => void }>()
  const worst = (matching: (event: LiveStatusEvent) => boolean) => {
    const ranks = [...events.values()].filter(matching).map(({ status }) => BEST_FIRST.indexOf(status))
    return BEST_FIRST[Math.max(0, ...ranks)]!
  }
  return {
    report: (event) => {
      if (event.status === 'ended') events.delete(event.subscription)
      else events.set(event.subscription, event)
      for (const { call } of [...listeners]) call()
    },
    get: () => worst(() => true),
    of: (path, input) => {
      const wanted = inputKey(input)
      return worst((event) => event.path === path && inputKey(event.input) === wanted)
    },
    subscribe: (listener) => {
      const entry = { call: listener }
      listeners.add(entry)
      return () => listeners.delete(entry)
    },
  }
}

/** Equal for inputs that are equal by content, whatever the order of their keys. */
function inputKey(input: unknown): string {
  return JSON.stringify(input ?? null, (_, value: unknown) => {
    if (typeof value === 'bigint') return `${value}n`
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
    return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
  })
}
