/**
 * Whether this reader is rung for, or polls. A pure state machine: transitions return new states, time is an argument.
 *
 *                 many transactions in short time
 *     asleep ────────────────────────────────────────► awake      polls; writers are told not to ring
 *       ▲                                              ▲   │
 *       │ every transaction that may have         many │   │ several reads found nothing
 *       │ kept silent has ended                        │   ▼
 *       └───────────────────────────────────────────  draining    polls; writers ring again
 *
 *     polling: there is no doorbell, so it polls for ever
 *
 * A writer that saw "somebody is awake" does not ring, and may commit much later. Such a transaction had its id when it
 * looked, so once the quiet has lapsed a snapshot names all of them: the reader may sleep when they have ended. Another
 * reader that is awake relays what it finds, and takes that duty over.
 */
import { hasEnded, type PgSnapshot } from '../pg-snapshot.js'

export type Wakefulness =
  | { readonly kind: 'asleep'; readonly recent: readonly Arrival[] }
  | { readonly kind: 'awake'; readonly emptyReads: number; readonly recent: readonly Arrival[] }
  | {
      readonly kind: 'draining'
      /** Milliseconds of the clock at which draining began. */
      readonly since: number
      /** `quiet`: some writer may still be told to be silent. `lapsed`: no longer, and the next snapshot names the silent. */
      readonly step: 'quiet' | 'lapsed' | 'waiting'
      /** The transactions that may have kept silent; known in the step `waiting`. */
      readonly silent: ReadonlySet<bigint>
      readonly recent: readonly Arrival[]
    }
  | { readonly kind: 'polling' }

/** How many transactions one read found, and when. */
export interface Arrival {
  readonly at: number
  readonly transactions: number
}

/** What a read of the log saw. */
export interface Sighting {
  readonly arrival: Arrival
  readonly snapshot: PgSnapshot
  /** The database's time after the snapshot was taken, milliseconds. */
  readonly now: number
  /** Until then some reader, perhaps this one, has told writers not to ring. */
  readonly awakeUntil: number
  /** Until then this reader has; `undefined` while it is about to say something else. */
  readonly ownUntil: number | undefined
  /** Transactions of other databases, as far as they are known: they have nothing to ring for. */
  readonly elsewhere: ReadonlySet<bigint>
}

export const POLL_MS = 15
const MAX_DRAIN_POLL_MS = 250
export const POLL_ONLY_MS = 250
/** So many transactions, in one read or in reads within so much time, are load. */
const LOAD = 4
const WINDOW_MS = 100
/** Reads without an entry after which a reader is no longer needed awake. */
const EMPTY_READS = 8

export const ASLEEP: Wakefulness = { kind: 'asleep', recent: [] }
export const POLLING: Wakefulness = { kind: 'polling' }

export function afterRead(state: Wakefulness, sighting: Sighting): Wakefulness {
  if (state.kind === 'polling') return state
  const recent = recentArrivals([...state.recent, sighting.arrival])
  switch (state.kind) {
    case 'asleep':
      return isLoad(recent) ? { kind: 'awake', emptyReads: 0, recent } : { kind: 'asleep', recent }
    case 'awake': {
      const emptyReads = sighting.arrival.transactions > 0 ? 0 : state.emptyReads + 1
      if (emptyReads < EMPTY_READS) return { kind: 'awake', emptyReads, recent }
      return { kind: 'draining', since: sighting.arrival.at, step: 'quiet', silent: new Set(), recent }
    }
    case 'draining':
      return isLoad(recent) ? { kind: 'awake', emptyReads: 0, recent } : drain({ ...state, recent }, sighting)
  }
}

/** How long to wait for the next look at the log, unless something rings; `undefined`: until something rings. */
export function pollDelay(state: Wakefulness, now: number): number | undefined {
  switch (state.kind) {
    case 'asleep':
      return undefined
    case 'awake':
      return POLL_MS
    case 'draining':
      // An open transaction may take hours; what it costs meanwhile must be little.
      return Math.min(MAX_DRAIN_POLL_MS, Math.max(POLL_MS, (now - state.since) / 8))
    case 'polling':
      return POLL_ONLY_MS
  }
}

function drain(state: Extract<Wakefulness, { kind: 'draining' }>, sighting: Sighting): Wakefulness {
  const { snapshot, now, awakeUntil, ownUntil, elsewhere } = sighting
  switch (state.step) {
    case 'quiet':
      if (ownUntil === undefined) return state
      if (awakeUntil > now) return awakeUntil > ownUntil ? { kind: 'asleep', recent: state.recent } : state
      return { ...state, step: 'lapsed' }
    case 'lapsed':
    case 'waiting': {
      const named = state.step === 'lapsed' ? snapshot.inProgress : state.silent
      const silent = new Set([...named].filter((id) => !hasEnded(snapshot, id) && !elsewhere.has(id)))
      return silent.size === 0 ? { kind: 'asleep', recent: state.recent } : { ...state, step: 'waiting', silent }
    }
  }
}

function recentArrivals(arrivals: readonly Arrival[]): Arrival[] {
  const last = arrivals.at(-1)?.at ?? 0
  return arrivals.filter((arrival) => arrival.transactions > 0 && arrival.at > last - WINDOW_MS)
}

function isLoad(recent: readonly Arrival[]): boolean {
  return recent.reduce((sum, arrival) => sum + arrival.transactions, 0) >= LOAD
}
