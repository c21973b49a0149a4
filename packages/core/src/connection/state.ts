/**
 * The life of the engine's connection, as a pure state machine: transitions return new states, and time is an argument.
 *
 *                    opened                      lost
 *   stopped ─start─► connecting ───────► live ─────────────┐
 *      ▲                 │  ▲                              │
 *      │               failed│due                          │
 *      │                 ▼  │                              │
 *      └──────stop──── waiting ◄───────────────────────────┘
 *
 * `attempt` counts the tries since the last live state that lasted, and decides how long `waiting` lasts. An event that has no arrow
 * from a state leaves it as it is: a late `lost` of an old connection must not disturb a new one, so `lost` and `opened`
 * name the connection's `epoch`. What is lost while it is being opened has `failed`, once the opening has come to its end.
 */
import { backoffDelay, type BackoffOptions } from '../util/backoff.js'
import type { Random } from '../util/clock.js'

export type ConnectionState =
  | { readonly kind: 'stopped' }
  | { readonly kind: 'connecting'; readonly epoch: number; readonly attempt: number; readonly wasLive: boolean }
  | {
      readonly kind: 'live'
      readonly epoch: number
      readonly attempt: number
      /** Milliseconds since the epoch of time at which the connection was opened. */
      readonly since: number
    }
  | {
      readonly kind: 'waiting'
      readonly epoch: number
      readonly attempt: number
      readonly wasLive: boolean
      /** Milliseconds since the epoch of time at which the next try is due. */
      readonly until: number
    }

export type ConnectionEvent =
  | { readonly kind: 'start' }
  | { readonly kind: 'opened'; readonly epoch: number }
  | { readonly kind: 'failed'; readonly epoch: number }
  | { readonly kind: 'lost'; readonly epoch: number }
  | { readonly kind: 'due' }
  | { readonly kind: 'stop' }

/** A connection that is lost sooner was not worth much: the waits go on growing. In milliseconds. */
export const STABLE_MS = 10_000

export const RECONNECT: BackoffOptions = { firstMs: 100, maxMs: 10_000 }

export function initialState(): ConnectionState {
  return { kind: 'stopped' }
}

export function nextState(
  state: ConnectionState,
  event: ConnectionEvent,
  now: number,
  random: Random,
): ConnectionState {
  if (event.kind === 'stop') return { kind: 'stopped' }
  switch (state.kind) {
    case 'stopped':
      return event.kind === 'start' ? { kind: 'connecting', epoch: 1, attempt: 0, wasLive: false } : state
    case 'connecting':
      if (event.kind === 'opened' && event.epoch === state.epoch) {
        return { kind: 'live', epoch: state.epoch, attempt: state.attempt, since: now }
      }
      if (event.kind === 'failed' && event.epoch === state.epoch) {
        return wait(state.epoch, state.attempt, state.wasLive, now, random)
      }
      return state
    case 'live': {
      if (event.kind !== 'lost' || event.epoch !== state.epoch) return state
      return wait(state.epoch, now - state.since < STABLE_MS ? state.attempt : 0, true, now, random)
    }
    case 'waiting':
      return event.kind === 'due' && now >= state.until
        ? { kind: 'connecting', epoch: state.epoch + 1, attempt: state.attempt + 1, wasLive: state.wasLive }
        : state
  }
}

function wait(epoch: number, attempt: number, wasLive: boolean, now: number, random: Random): ConnectionState {
  return { kind: 'waiting', epoch, attempt, wasLive, until: now + backoffDelay(attempt, RECONNECT, random) }
}
