import type { ServerStatus } from '../protocol.js'

/**
 * What a subscription's rows are worth.
 *
 *   connecting ──rows──► live ◄──told by the server──► stale
 *        │                └───────connection lost───────┴──► reconnecting ──told by the server──► live, stale
 *        └──────────────────────────── any of them ──────────────────────────────────────────► ended
 */
export type LiveLinkStatus =
  /** No rows yet. */
  | 'connecting'
  /** The rows are current. */
  | 'live'
  /** The server cannot vouch for the rows: its database is away, or the query fails. It keeps trying. */
  | 'stale'
  /** The server is away; the rows stand as they were. */
  | 'reconnecting'
  /** Unsubscribed, completed, or failed for good. */
  | 'ended'

export type LinkEvent =
  | { readonly kind: 'connection-lost' }
  | { readonly kind: 'told'; readonly status: ServerStatus }
  | { readonly kind: 'data' }
  | { readonly kind: 'ended' }

export function nextStatus(status: LiveLinkStatus, event: LinkEvent): LiveLinkStatus {
  if (status === 'ended') return status
  switch (event.kind) {
    case 'connection-lost':
      return status === 'connecting' ? status : 'reconnecting'
    case 'told':
      return event.status
    case 'data':
      return 'live'
    case 'ended':
      return 'ended'
  }
}

/** One change of one subscription's status. */
export interface LiveStatusEvent {
  /** Tells the subscriptions of one link apart. */
  readonly subscription: number
  readonly path: string
  /** The input as the application gave it. */
  readonly input: unknown
  readonly status: LiveLinkStatus
}
