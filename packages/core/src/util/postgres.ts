import type { ClientBase } from 'pg'
import { ConnectionLostError, MissingObjectError, PermissionDeniedError, QueryFailedError } from '../errors.js'
import type { RealtimeError } from '../errors.js'

/** Quotes an identifier for SQL text: `we"ird` becomes `"we""ird"`. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** Quotes a string literal for SQL text, whatever `standard_conforming_strings` says. */
export function quoteLiteral(value: string): string {
  const quoted = `'${value.replaceAll("'", "''")}'`
  return quoted.includes('\\') ? ` E${quoted.replaceAll('\\', '\\\\')}` : quoted
}

/** PostgreSQL's five-character SQLSTATE of an error, if it has one. */
export function sqlState(error: unknown): string | undefined {
  const code = error instanceof Error ? (error as { code?: unknown }).code : undefined
  // EPIPE has five letters too: every SQLSTATE that PostgreSQL uses has a digit.
  return typeof code === 'string' && /^(?=.*\d)[0-9A-Z]{5}$/.test(code) ? code : undefined
}

/** What `pg` says, without any code, when a client has lost its connection or gets none. */
const PG_CONNECTION_MESSAGES =
  /^(Connection terminated|Connection ended|Client was closed|Client has encountered a connection error|timeout exceeded when trying to connect|timeout expired|Cannot use a pool after calling end)/

/**
 * Whether an error means that the connection is gone, and not that the statement is wrong: SQLSTATE classes 08 and 57P,
 * too many connections, idle timeouts, the operating system's network errors, and `pg`'s own.
 */
export function isConnectionError(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const state = sqlState(error)
  if (state !== undefined) {
    return state.startsWith('08') || state.startsWith('57P') || ['53300', '25P03', '25P04', '57P05'].includes(state)
  }
  const { code, syscall } = error as { code?: unknown; syscall?: unknown }
  if (typeof syscall === 'string' || (typeof code === 'string' && /^E[A-Z_]+$/.test(code))) return true
  return PG_CONNECTION_MESSAGES.test(error.message)
}

/** Whether a value is the cause: of another type, out of range, a divisor of zero. */
export function isBadValue(error: unknown): boolean {
  return sqlState(error)?.startsWith('22') ?? false
}

export const BAD_VALUE = "Check the query's parameters, and the values that it computes with."

/** The typed error for a statement of a live query that PostgreSQL refused to run. */
export function queryError(error: unknown, sql: string): RealtimeError {
  const message = error instanceof Error ? error.message : String(error)
  const state = sqlState(error)
  const about = `${message}\n  query: ${abbreviate(sql)}`
  if (isConnectionError(error)) {
    return new ConnectionLostError(
      `The connection was lost during a query: ${about}\n  It runs again when there is a connection.`,
      { cause: error },
    )
  }
  if (state === '42501') {
    return new PermissionDeniedError(
      `${about}\n  Grant the missing right to the role that runs the query (the pool's, or the scope's role).`,
      { cause: error },
    )
  }
  if (state === '42P01' || state === '42703' || state === '42883' || state === '3F000' || state === '42704') {
    return new MissingObjectError(
      `${about}\n  Something that the query names was dropped or renamed while it was live; it goes on by itself once it exists again.`,
      { cause: error },
    )
  }
  if (state === '57014') {
    return new QueryFailedError(
      `${about}\n  It ran longer than statementTimeoutMs: add an index, narrow the query, or raise the limit.`,
      { cause: error },
    )
  }
  const remedy = isBadValue(error) ? BAD_VALUE : 'Run it in psql to see why.'
  return new QueryFailedError(
    `PostgreSQL refused to run a live query: ${about}\n  ${remedy} It is tried again by itself.`,
    { cause: error },
  )
}

export function abbreviate(sql: string, length = 300): string {
  const line = sql.replaceAll(/\s+/g, ' ').trim()
  return line.length <= length ? line : `${line.slice(0, length)}…`
}

/** Ends a client without waiting for a server that may be gone. */
export async function endClient(client: ClientBase & { end(): Promise<void> }): Promise<void> {
  client.on('error', () => {})
  await client.end().catch(() => {})
}
