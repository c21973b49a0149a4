import type { Plan } from '../analyze/plan.js'
import type { SnapshotToken } from '../change.js'
import { ListenerError, type RealtimeError } from '../errors.js'
import type { Accepted, RawResult, Refreshable, RefreshReport } from '../refresh/contract.js'
import type { Schedule } from '../refresh/schedule.js'
import type { LastRow, Routable } from '../route/contract.js'
import type { RefreshFilter } from '../route/refresh-filter.js'
import { materialize, type Materialized, type MaterializeOptions } from '../snapshot/materialize.js'
import { columnNames, columnTexts } from '../snapshot/row-text.js'
import { deferred } from '../util/deferred.js'
import type { Listeners } from '../util/listeners.js'
import type { CompiledLiveQuery } from './compile.js'
import type { LiveOptions, LiveState, LiveStatus, RefreshEvent, RouteExplanation, Scope, Update } from './contract.js'
import { createUpdate } from './update.js'

export type Row = Readonly<Record<string, unknown>>

/** What a handle contributes to the live query that it shares with others. */
export interface Holder {
  readonly id: string | undefined
  readonly onError: LiveOptions<never, Row>['onError']
}

export interface LiveInstanceOptions {
  readonly identity: string
  readonly query: CompiledLiveQuery
  readonly options: LiveOptions<never, Row>
  readonly schedule: Schedule
  /** Makes the filter that the `refresh` option asks for. */
  readonly filter: (rows: () => readonly Row[]) => RefreshFilter<never, Row> | undefined
  /** What Kysely's plugins make of rows; undefined where there are none. */
  readonly transform: MaterializeOptions<Row>['transform']
  readonly updates: Listeners<Update<Row>>
  readonly now: () => number
  /** For errors that no holder takes. */
  readonly onError: (error: RealtimeError) => void
  readonly onRefresh: (event: RefreshEvent) => void
}

/**
 * A live query: one query with its parameters and scope, kept current once for all handles that watch it. Holds the
 * present rows, and tells its listeners when they, or their status, change.
 */
export class LiveInstance implements Refreshable, Routable {
  readonly identity: string
  readonly schedule: Schedule
  readonly scope: Scope
  readonly filter: RefreshFilter<never, Row> | undefined
  readonly updates: Listeners<Update<Row>>
  readonly #options: LiveInstanceOptions
  readonly #ready = deferred<readonly Row[]>()
  #plan: Plan | undefined
  #planError: RealtimeError | undefined
  #content: Materialized<Row> | undefined
  #state: LiveState<Row> = { rows: EMPTY, status: 'pending', version: '', snapshot: '', error: undefined }
  readonly #holders = new Set<Holder>()
  /** How changes reach it, once it is registered. */
  routes: () => readonly RouteExplanation[] = () => []
  #refreshes = 0
  #lastRefresh: RefreshEvent | undefined

  constructor(options: LiveInstanceOptions) {
    this.#options = options
    this.identity = options.identity
    this.schedule = options.schedule
    this.scope = options.options.scope ?? {}
    this.updates = options.updates
    this.filter = options.filter(() => this.#state.rows)
  }

  get sql(): string {
    return this.#options.query.sql
  }

  get parameters(): readonly unknown[] {
    return this.#options.query.parameters
  }

  get query(): CompiledLiveQuery {
    return this.#options.query
  }

  get options(): LiveOptions<never, Row> {
    return this.#options.options
  }

  get isUnsettled(): boolean {
    return this.schedule.pendingSince !== undefined
  }

  get lastRow(): LastRow | undefined {
    const text = this.#content?.texts.at(-1)
    if (!this.#content || text === undefined) return undefined
    const names = columnNames(this.#content.shape)
    return { count: this.#content.texts.length, names, columns: columnTexts(text, names.length) }
  }

  get plan(): Plan {
    if (!this.#plan) throw new TypeError('A live query was routed before it was analyzed.')
    return this.#plan
  }

  get hasPlan(): boolean {
    return this.#plan !== undefined
  }

  set plan(plan: Plan) {
    this.#plan = plan
    this.#planError = undefined
  }

  /** The schema changed, and the query could not be analyzed anew: what it depends on now is not known. */
  get planError(): RealtimeError | undefined {
    return this.#planError
  }

  failPlan(error: RealtimeError): void {
    if (this.#planError?.message === error.message) return
    this.#planError = error
    this.fail(error)
  }

  get state(): LiveState<Row> {
    return this.#state
  }

  get ready(): Promise<readonly Row[]> {
    return this.#ready.promise
  }

  get isClosed(): boolean {
    return this.#state.status === 'closed'
  }

  get holders(): number {
    return this.#holders.size
  }

  get refreshes(): number {
    return this.#refreshes
  }

  get lastRefresh(): RefreshEvent | undefined {
    return this.#lastRefresh
  }

  retain(holder: Holder): void {
    this.#holders.add(holder)
  }

  /** True when nobody watches any more. */
  release(holder: Holder): boolean {
    return this.#holders.delete(holder) && this.#holders.size === 0
  }

  async accept(result: RawResult, snapshot: SnapshotToken): Promise<Accepted> {
    const { transform, query } = this.#options
    const materialized = materialize(this.#content, result, { ordered: query.ordered !== false, transform })
    const content = materialized instanceof Promise ? await materialized : materialized
    return {
      changed: content !== this.#content,
      rows: content.rows.length,
      publish: () => this.#publish(content, snapshot),
    }
  }

  #publish(content: Materialized<Row>, snapshot: SnapshotToken): void {
    if (this.isClosed) return
    this.#content = content
    const { rows, version } = content
    const error = this.#planError
    this.#enter({ rows, version, snapshot, status: error ? 'stale' : 'live', error })
    this.#ready.resolve(rows)
  }

  fail(error: RealtimeError): void {
    if (this.isClosed) return
    this.#report(error)
    this.#ready.reject(error)
    this.#enter({ ...this.#state, status: this.#content ? 'stale' : 'pending', error })
  }

  refreshed(report: RefreshReport): void {
    if (this.isClosed) return
    this.#refreshes += 1
    this.#lastRefresh = {
      ...report,
      id: [...this.#holders].find(({ id }) => id !== undefined)?.id,
      sql: this.sql,
      parameters: this.parameters,
      scope: this.scope,
      rows: report.rows ?? this.#state.rows.length,
      at: new Date(this.#options.now()),
    }
    this.#options.onRefresh(this.#lastRefresh)
  }

  /** The connection is lost: the rows may be out of date until the next result. */
  markStale(error: RealtimeError): void {
    if (this.#state.status === 'live') this.#enter({ ...this.#state, status: 'stale', error })
  }

  close(error: RealtimeError): void {
    if (this.isClosed) return
    this.#ready.reject(error)
    this.#enter({ ...this.#state, status: 'closed', error: this.#state.error ?? error })
    this.updates.clear()
  }

  #report(error: RealtimeError): void {
    const takers = [...this.#holders].flatMap(({ onError }) => (onError ? [onError] : []))
    if (takers.length === 0) this.#options.onError(error)
    for (const take of takers) {
      try {
        take(error, { sql: this.sql, parameters: this.parameters })
      } catch (cause) {
        this.#options.onError(new ListenerError(`An onError callback threw: ${String(cause)}`, { cause }))
      }
    }
  }

  #enter(next: LiveState<Row>): void {
    const previous = this.#state
    this.#state = next
    const isChanged = next.rows !== previous.rows || (next.version !== previous.version && previous.version === '')
    if (!isChanged && !isOtherStatus(previous, next)) return
    this.updates.emit(createUpdate(next, isChanged ? 'rows' : 'status', previous.rows))
  }
}

const EMPTY: readonly Row[] = Object.freeze([])

function isOtherStatus(previous: { status: LiveStatus; error: unknown }, next: { status: LiveStatus; error: unknown }) {
  return previous.status !== next.status || previous.error !== next.error
}
