import {
  ConnectionLostError,
  InvalidOptionError,
  MissingObjectError,
  NotASelectError,
  PermissionDeniedError,
  QueryFailedError,
  QuerySyntaxError,
  RealtimeError,
  UnsupportedDatabaseError,
} from '../errors.js'
import { abbreviate, BAD_VALUE, isBadValue, isConnectionError, sqlState } from '../util/postgres.js'

/** What the analysis was doing when PostgreSQL reported an error. */
export type AnalysisStep =
  | { readonly kind: 'begin' | 'parse' | 'catalog' }
  /** Storing the query as a temporary function. */
  | { readonly kind: 'store' }
  | { readonly kind: 'role'; readonly role: string }
  | { readonly kind: 'setting'; readonly name: string }

/** The typed error for a failure during `step`, with what to do about it. */
export function analysisError(error: unknown, step: AnalysisStep, sql: string): RealtimeError {
  if (error instanceof RealtimeError) return error
  const cause = { cause: error }
  const message = describe(error)
  const about = `${message}\n  query: ${abbreviate(sql)}`
  const state = sqlState(error) ?? ''
  if (isConnectionError(error)) {
    return new ConnectionLostError(
      `The connection was lost while a query was analyzed: ${about}\n  It is analyzed again by itself.`,
      cause,
    )
  }
  if (step.kind === 'role') return roleError(state, step.role, message, cause)
  if (step.kind === 'setting') {
    return new InvalidOptionError(
      `scope.settings: "${step.name}" cannot be set: ${message}. Correct it; a setting of your own has a dot in its name, as app.user_id has.`,
      cause,
    )
  }
  // A standby refuses a transaction that may write as a feature it does not have.
  if (state === '25006' || (step.kind === 'begin' && state === '0A000')) {
    return new UnsupportedDatabaseError(
      `${message}: queries are analyzed with a temporary function, which a standby or a read-only server refuses. Connect pool to the primary.`,
      cause,
    )
  }
  if (state === '42501') return permissionError(step, about, cause)
  if (MISSING.has(state)) {
    return new MissingObjectError(
      `${about}\n  Check the spelling, the schema (names are looked up on the search_path), and that migrations have run.`,
      cause,
    )
  }
  // A statement without rows, or one that a function body refuses, was parsed: so it is something else than a SELECT.
  if (step.kind === 'store' && (state === '42P13' || state === '0A000')) {
    return new NotASelectError(`Only a SELECT can be live: ${about}\n  ${NOT_LIVE}`, cause)
  }
  if (state === '42P18') {
    return new QuerySyntaxError(
      `${about}\n  Say the parameter's type, as in $1::text, or remove it if nothing uses it.`,
      cause,
    )
  }
  if (state.startsWith('42')) {
    return new QuerySyntaxError(
      `PostgreSQL does not understand the query: ${about}\n  Correct its text: it must be one SELECT, and without INTO.`,
      cause,
    )
  }
  if (state === '55P03') {
    return new QueryFailedError(
      `A table of the query is locked by somebody else, a migration perhaps; try again when it is done: ${about}`,
      cause,
    )
  }
  const remedy = isBadValue(error) ? BAD_VALUE : 'Run EXPLAIN of it in psql to see why.'
  return new QueryFailedError(`The query could not be analyzed: ${about}\n  ${remedy}`, cause)
}

/** What to do with a statement that is no query. */
export const NOT_LIVE = 'Run it as a query that is not live.'

// undefined table, column, function, parameter, schema, object; invalid schema name
const MISSING = new Set(['42P01', '42703', '42883', '42P02', '3F000', '42704'])

function roleError(state: string, role: string, message: string, cause: ErrorOptions): RealtimeError {
  if (state === '22023' || state === '42704') {
    return new MissingObjectError(`scope.role: ${message}. Create it, or correct the name.`, cause)
  }
  return new PermissionDeniedError(
    `scope.role: ${message}. The engine's role must be a member of it: GRANT "${role}" TO <the engine's role>.`,
    cause,
  )
}

function permissionError(step: AnalysisStep, about: string, cause: ErrorOptions): RealtimeError {
  const remedy =
    step.kind === 'store'
      ? "Queries are analyzed with a temporary function: GRANT TEMPORARY ON DATABASE <database> TO <the engine's role>."
      : "GRANT the missing right (USAGE on a schema, SELECT on a table, EXECUTE on a function) to the engine's role."
  return new PermissionDeniedError(`${about}\n  ${remedy}`, cause)
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const hint = (error as { hint?: unknown }).hint
  return typeof hint === 'string' ? `${error.message} (${hint})` : error.message
}
