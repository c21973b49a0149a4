import type { RealtimeError } from '../errors.js'

/** Where errors go that nobody asked for: a library that swallows them would hide stale rows. */
export function logError(error: RealtimeError): void {
  // oxlint-disable-next-line no-console
  console.error(error)
}
