/**
 * One class per cause that a user can act on. The message says what happened, to which object, and what to do.
 * Every class has a stable `code`, so that errors can be told apart across package copies and serialisation.
 */
export type RealtimeErrorCode =
  | 'NOT_A_SELECT'
  | 'QUERY_SYNTAX'
  | 'MISSING_OBJECT'
  | 'PERMISSION_DENIED'
  | 'OPAQUE_FUNCTION'
  | 'UNWATCHABLE_RELATION'
  | 'TIME_DEPENDENT'
  | 'UNSUPPORTED_DATABASE'
  | 'PLUGIN_MISMATCH'
  | 'INVALID_OPTION'
  | 'QUERY_FAILED'
  | 'INSTALL_FAILED'
  | 'NOT_INSTALLED'
  | 'CONNECTION_LOST'
  | 'CAPTURE_FAILED'
  | 'BARRIER_FAILED'
  | 'REFRESH_FILTER_FAILED'
  | 'LISTENER_FAILED'
  | 'STILL_RUNNING'
  | 'CLOSED'

export class RealtimeError extends Error {
  constructor(
    readonly code: RealtimeErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options)
    this.name = new.target.name
  }
}

/** The query does not read only: data-modifying statement or CTE, locking clause, or no query at all. */
export class NotASelectError extends RealtimeError {
  constructor(message: string, options?: ErrorOptions) {
    super('NOT_A_SELECT', message, options)
  }
}

export class QuerySyntaxError extends RealtimeError {
  constructor(message: string, options?: ErrorOptions) {
    super('QUERY_SYNTAX', message, options)
  }
}

/** A table, column, function or schema that the query names does not exist (any more). */
export class MissingObjectError extends RealtimeError {
  constructor(message: string, options?: ErrorOptions) {
    super('MISSING_OBJECT', message, options)
  }
}

export class PermissionDeniedError extends RealtimeError {
  constructor(message: string, options?: ErrorOptions) {
    super('PERMISSION_DENIED', message, options)
  }
}

/** The query calls a function whose body PostgreSQL keeps as a string, so what it reads is unknown. */
export class OpaqueFunctionError extends RealtimeError {
  constructor(
    readonly functions: readonly string[],
    message: string,
  ) {
    super('OPAQUE_FUNCTION', message)
  }
}

/** Materialized views, foreign tables and system catalogs fire no triggers. */
export class UnwatchableRelationError extends RealtimeError {
  constructor(
    readonly relations: readonly string[],
    message: string,
  ) {
    super('UNWATCHABLE_RELATION', message)
  }
}

/** The result changes with the clock or at random, without any change in a table. */
export class TimeDependentQueryError extends RealtimeError {
  constructor(
    readonly functions: readonly string[],
    message: string,
  ) {
    super('TIME_DEPENDENT', message)
  }
}

export class UnsupportedDatabaseError extends RealtimeError {
  constructor(message: string, options?: ErrorOptions) {
    super('UNSUPPORTED_DATABASE', message, options)
  }
}

/** The query was built with Kysely plugins that the engine's `db` does not have, or the other way round. */
export class PluginMismatchError extends RealtimeError {
  constructor(message: string) {
    super('PLUGIN_MISMATCH', message)
  }
}

export class InvalidOptionError extends RealtimeError {
  constructor(message: string, options?: ErrorOptions) {
    super('INVALID_OPTION', message, options)
  }
}

/** The query was analyzed, but PostgreSQL refused to run it; `cause` is PostgreSQL's error. */
export class QueryFailedError extends RealtimeError {
  constructor(message: string, options?: ErrorOptions) {
    super('QUERY_FAILED', message, options)
  }
}

export class InstallError extends RealtimeError {
  constructor(message: string, options?: ErrorOptions) {
    super('INSTALL_FAILED', message, options)
  }
}

/** `install: 'manual'`, and a table has no triggers, or not the ones of this version. */
export class NotInstalledError extends RealtimeError {
  constructor(
    readonly tables: readonly string[],
    message: string,
  ) {
    super('NOT_INSTALLED', message)
  }
}

export class ConnectionLostError extends RealtimeError {
  constructor(message: string, options?: ErrorOptions) {
    super('CONNECTION_LOST', message, options)
  }
}

/** A trigger could not log a change; nothing was lost, because everything is refreshed instead. */
export class CaptureFailedError extends RealtimeError {
  constructor(message: string, options?: ErrorOptions) {
    super('CAPTURE_FAILED', message, options)
  }
}

/** Some live queries could not be brought up to the barrier. */
export class BarrierError extends RealtimeError {
  constructor(
    /** SQL of the live queries that failed to refresh. */
    readonly queries: readonly string[],
    message: string,
    options?: ErrorOptions,
  ) {
    super('BARRIER_FAILED', message, options)
  }
}

/** A `refresh` predicate or function of the application threw; the query was refreshed all the same. */
export class RefreshFilterError extends RealtimeError {
  constructor(message: string, options?: ErrorOptions) {
    super('REFRESH_FILTER_FAILED', message, options)
  }
}

/** A subscriber's listener threw; the other subscribers were served. */
export class ListenerError extends RealtimeError {
  constructor(message: string, options?: ErrorOptions) {
    super('LISTENER_FAILED', message, options)
  }
}

/** The engine or the live query has been stopped. */
export class ClosedError extends RealtimeError {
  constructor(message: string) {
    super('CLOSED', message)
  }
}

/** The engine's objects cannot be removed while it uses them. */
export class StillRunningError extends RealtimeError {
  constructor(message: string) {
    super('STILL_RUNNING', message)
  }
}
