import type { RealtimeError, RealtimeErrorCode } from '@pg-realtime/core'
import { TRPCError } from '@trpc/server'

type TRPCErrorCode = ConstructorParameters<typeof TRPCError>[0]['code']

/**
 * Errors that no retry cures, by what a client is told. All of them are 4xx: tRPC's clients end the subscription on
 * those, while SSE clients would repeat a 5xx for ever. Every code that is missing is transient.
 */
const FINAL: { readonly [Code in RealtimeErrorCode]?: TRPCErrorCode } = {
  PERMISSION_DENIED: 'FORBIDDEN',
  MISSING_OBJECT: 'NOT_FOUND',
  NOT_A_SELECT: 'BAD_REQUEST',
  QUERY_SYNTAX: 'BAD_REQUEST',
  OPAQUE_FUNCTION: 'BAD_REQUEST',
  UNWATCHABLE_RELATION: 'BAD_REQUEST',
  TIME_DEPENDENT: 'BAD_REQUEST',
  UNSUPPORTED_DATABASE: 'BAD_REQUEST',
  PLUGIN_MISMATCH: 'BAD_REQUEST',
  INVALID_OPTION: 'BAD_REQUEST',
  NOT_INSTALLED: 'BAD_REQUEST',
}

/** PostgreSQL's error classes that depend on the query and its parameters alone, for `QUERY_FAILED`. */
const FINAL_SQLSTATES: readonly (readonly [prefix: string, code: TRPCErrorCode])[] = [
  ['42501', 'FORBIDDEN'],
  ['42P01', 'NOT_FOUND'],
  ['42703', 'NOT_FOUND'],
  ['3F000', 'NOT_FOUND'],
  ['0A', 'BAD_REQUEST'],
  ['22', 'BAD_REQUEST'],
  ['42', 'BAD_REQUEST'],
]

/**
 * The error to end a subscription with; undefined if it may pass, and is to be waited out. A client learns the kind of
 * error only: the message of the cause, which may name tables and values, stays with the server's `onError`.
 */
export function finalError(error: unknown): TRPCError | undefined {
  if (error instanceof TRPCError) return error
  const code = isRealtimeError(error) ? (FINAL[error.code] ?? finalQueryError(error)) : undefined
  if (code === undefined) return undefined
  const { code: reason } = error as RealtimeError
  return new TRPCError({ code, message: `This live query cannot be served (${reason}).`, cause: error })
}

function finalQueryError(error: RealtimeError): TRPCErrorCode | undefined {
  const sqlState = error.code === 'QUERY_FAILED' ? (error.cause as { code?: unknown } | undefined)?.code : undefined
  if (typeof sqlState !== 'string') return undefined
  return FINAL_SQLSTATES.find(([prefix]) => sqlState.startsWith(prefix))?.[1]
}

/** By its code, since an application may hold two copies of the core. */
function isRealtimeError(error: unknown): error is RealtimeError {
  return error instanceof Error && typeof (error as { code?: unknown }).code === 'string'
}
