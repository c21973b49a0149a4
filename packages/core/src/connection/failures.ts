import { CaptureFailedError, ConnectionLostError, RealtimeError } from '../errors.js'
import { isConnectionError } from '../util/postgres.js'

/** Whether an error means that the connection is gone. */
export function isLost(error: unknown): boolean {
  if (error instanceof RealtimeError) return error instanceof ConnectionLostError
  return error !== undefined && isConnectionError(error)
}

/** An error as it is told; `what` says what could not be done. */
export function toRealtimeError(error: unknown, what: string): RealtimeError {
  if (error instanceof RealtimeError) return error
  const message = error instanceof Error ? error.message : String(error)
  return new CaptureFailedError(`${what}: ${message}`, { cause: error })
}
