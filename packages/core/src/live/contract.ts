import type { Compilable, Kysely, RawBuilder } from 'kysely'
import type { ClientConfig, Pool } from 'pg'
import type { Occurrence } from '../analyze/plan.js'
import type { SnapshotToken } from '../change.js'
import type { RealtimeError } from '../errors.js'
import type { RefreshOption } from '../route/refresh-option.js'
import type { Patch } from '../snapshot/patch.js'

/** A Kysely query, or `sql\`…\``, with the plugins that the engine's `db` has. */
export type LiveInput<Row> = Compilable<Row> | RawBuilder<Row>

/** What a live query runs as. Part of its identity: two scopes never share rows. */
export interface Scope {
  /** Applied with `SET LOCAL ROLE`; the engine's own role must be a member of it. */
  readonly role?: string
  /** Applied with `set_config(name, value, true)`: `{ 'app.user_id': '42' }`. */
  readonly settings?: Readonly<Record<string, string>>
}

export interface LiveOptions<DB, Row> {
  /** At most one refresh per window, in milliseconds; the first change refreshes at once. Default: the engine's (500). */
  readonly throttleMs?: number
  /** Decides, among the changes that routing lets through, which ones refresh. Truncate, bulk and gaps always do. */
  readonly refresh?: RefreshOption<DB, Row>
  readonly scope?: Scope
  /** A local handle for `realtime.get(id)`; plays no part in sharing. */
  readonly id?: string
  /** Tables that opaque functions in the query read: `orders`, or `schema.table`. */
  readonly dependsOn?: readonly (keyof DB & string)[]
  /** Also refresh every so many milliseconds; needed by queries that depend on the clock. `false`: accept that time alone refreshes nothing. */
  readonly refreshEvery?: number | false
  /** Called when this query fails; without it, the engine's `onError`. */
  readonly onError?: (
    error: RealtimeError,
    query: { readonly sql: string; readonly parameters: readonly unknown[] },
  ) => void
}

export type LiveStatus =
  /** No result yet. */
  | 'pending'
  /** The rows are the query's result at `snapshot`, and every later change that matters will arrive. */
  | 'live'
  /** The rows may be out of date: the connection is lost, or the query fails. It is being retried. */
  | 'stale'
  | 'closed'

export interface LiveState<Row> {
  /** A new array on change; unchanged rows are the identical objects. Frozen. */
  readonly rows: readonly Row[]
  readonly status: LiveStatus
  /** Identifies the rows' content: equal versions of one query mean equal rows. Eight characters; empty while pending. */
  readonly version: string
  /** The snapshot that the rows are true at. Empty while pending. */
  readonly snapshot: SnapshotToken
  /** Why the status is `stale`, or why there is no first result. */
  readonly error: RealtimeError | undefined
}

export interface Update<Row> extends LiveState<Row> {
  /** `rows` when the rows changed (a status may have changed with them), `status` when only the status did. */
  readonly kind: 'rows' | 'status'
  readonly previousRows: readonly Row[]
  /**
   * The steps from `previousRows` to `rows`; none when only the status changed. Computed when it is first read, once for
   * all who share the live query. `applyPatch(previousRows, patch)` gives `rows`.
   */
  readonly patch: Patch<Row>
}

/** A query whose result is kept current. Async iteration yields the present state, then the latest on each change. */
export interface LiveQuery<Row> extends LiveState<Row>, AsyncIterable<Update<Row>> {
  readonly id: string | undefined
  /** The first result, or the error that kept it from coming. */
  readonly ready: Promise<readonly Row[]>
  /** The first row, or `undefined`: for queries that return one. */
  readonly single: Row | undefined
  /** Called for each update from now on, never for the present state. Returns its own removal. */
  subscribe(listener: (update: Update<Row>) => void): () => void
  /** The same live query with each row mapped once: unchanged rows keep their mapped identity. */
  map<T>(mapper: (row: Row) => T): LiveQuery<T>
  /**
   * Gives this handle another query. The older one stays, and is kept current, until the new one's first result; from then
   * on no result of it arrives. Rejects, and keeps the older query, if the new one cannot be made live.
   */
  replace(query: LiveInput<Row>, options?: Omit<LiveOptions<never, Row>, 'id'>): Promise<readonly Row[]>
  explain(): Explanation
  /** Ends this handle: true the first time, false after. The query itself ends when its last handle does. */
  close(): boolean
}

export interface Explanation {
  readonly sql: string
  readonly parameters: readonly unknown[]
  readonly parameterTypes: readonly string[]
  readonly scope: Scope
  readonly tables: readonly { readonly table: string; readonly columns: readonly string[] | 'all' }[]
  readonly occurrences: readonly Occurrence[]
  readonly disagreements: readonly string[]
  readonly timeDependent: readonly string[]
  /** How changes reach this query, in words. */
  readonly routing: string
  /** How a row's values decide whether its change reaches this query, for each place where a table stands in it. */
  readonly routes: readonly RouteExplanation[]
  readonly subscribers: number
  readonly refreshes: number
  /** What caused the most recent refresh. */
  readonly lastRefresh: RefreshEvent | undefined
}

/** How changes of one table, at one place in the query, find the live queries of its shape. */
export interface RouteExplanation {
  readonly table: string
  readonly alias: string
  /**
   * `values`: the changed row holds what the query compares; `join`: PostgreSQL is asked which values it is joined with;
   * `every`: each change reaches every live query of this SQL.
   */
  readonly by: 'values' | 'join' | 'every'
  /** What is compared: `o.user_id = $1`. */
  readonly on: readonly string[]
  /** Why nothing narrower holds. */
  readonly because: string | undefined
}

/** What caused a refresh. */
export type RefreshReason =
  | { readonly kind: 'first' }
  | { readonly kind: 'change'; readonly table: string; readonly operation: string; readonly columns: readonly string[] }
  | { readonly kind: 'gap'; readonly because: string }
  | { readonly kind: 'interval' }
  | { readonly kind: 'retry' }

/** One refresh of one live query, as `realtime.observe` reports it. */
export interface RefreshEvent {
  readonly id: string | undefined
  readonly sql: string
  readonly parameters: readonly unknown[]
  readonly scope: Scope
  /** The first few reasons, in the order in which they came. */
  readonly reasons: readonly RefreshReason[]
  /** Whether the result differs from the one before. */
  readonly changed: boolean
  readonly rows: number
  /**
   * From sending the query to its result, in milliseconds; each one's share where several were sent together. Where the
   * query was sent along with the reading of the change log, that is included.
   */
  readonly durationMs: number
  readonly snapshot: SnapshotToken
  readonly error: RealtimeError | undefined
  readonly at: Date
}

export interface RealtimeOptions<DB> {
  readonly db: Kysely<DB>
  /** The `pg.Pool` under `db`; Kysely hides it, and raw rows need it. */
  readonly pool: Pool
  /** Direct connections for the doorbell and the engine's own statements, where `pool` goes through a pooler. */
  readonly listen?: ClientConfig
  /** 'auto' (default) creates what is missing in the database; 'manual' only checks, see `pg-realtime sql`. */
  readonly install?: 'auto' | 'manual'
  /** Connects as another role to install; default: `listen`, else the pool's own. */
  readonly installer?: ClientConfig
  /** The schema for the engine's objects. Default `_pg_realtime`. */
  readonly schema?: string
  /** Default 500. */
  readonly throttleMs?: number
  /** `false` never rings: for databases that use PREPARE TRANSACTION. Default: what the database was installed with. */
  readonly doorbell?: boolean
  /** Columns whose values never enter the change log: `{ users: ['password_hash'] }`. */
  readonly exclude?: { readonly [T in keyof DB & string]?: readonly (keyof DB[T] & string)[] }
  /** Longest time between two looks at the change log, in milliseconds: at most, and by default, 5,000. */
  readonly safetyPollMs?: number
  /** Time between two comparisons of the database's objects with what the plans assumed. Default 5,000. */
  readonly auditMs?: number
  /** How many of the pool's connections refreshes may use at once. Default 2. */
  readonly maxRefreshConnections?: number
  /** Statement timeout of a refresh, in milliseconds. Default 30,000. */
  readonly statementTimeoutMs?: number
  /** Receives every error that has no caller; without it, errors are logged with `console.error`. */
  readonly onError?: (error: RealtimeError) => void
}

export type EngineStatus = 'stopped' | 'connecting' | 'live' | 'stale'

export interface Realtime<DB> {
  readonly status: EngineStatus
  /** Connects, and installs what is missing. Implied by the first `live()`; calling it again changes nothing. */
  start(): Promise<void>
  /** Makes a query live. Returns at once: `ready` tells the first result. */
  live<Row>(query: LiveInput<Row>, options?: LiveOptions<DB, Row>): LiveQuery<Row>
  /** The open live query with this `id` in this scope (default: none), if any. */
  get(id: string, scope?: Scope): LiveQuery<unknown> | undefined
  /** Closes the live query with this `id` in this scope: true, or undefined if there is none. */
  close(id: string, scope?: Scope): true | undefined
  /**
   * Resolves when every commit that was visible before the call is reflected in every live query; throttles are cut
   * short. Rejects with `BarrierError`, naming them, if some fail to refresh.
   */
  barrier(options?: { readonly signal?: AbortSignal }): Promise<void>
  /** Called after each refresh of any live query. Returns its own removal. */
  observe(listener: (event: RefreshEvent) => void): () => void
  /** Called when the engine's status changes. Returns its own removal. */
  onStatus(listener: (status: EngineStatus) => void): () => void
  /** How many live queries are open. */
  readonly size: number
  /** Ends every live query and connection; what is installed in the database stays. `start()` works again after. */
  stop(): Promise<void>
  /** Removes every object of the engine from the database. Refused while the engine runs. */
  uninstall(): Promise<void>
}
