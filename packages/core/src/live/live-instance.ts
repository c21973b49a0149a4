import type { Plan } from '../analyze/plan.js'
import type { SnapshotToken } from '../change.js'
import { ListenerError, type RealtimeError } from '../errors.js'
import type { Accepted, RawField, RawResult, RawRow, Refreshable, RefreshReport, Touched } from '../refresh/contract.js'
import type { Schedule } from '../refresh/schedule.js'
import type { LastRow, Routable } from '../route/contract.js'
import type { RefreshFilter } from '../route/refresh-filter.js'
import { materialize, type Materialized, type MaterializeOptions } from '../snapshot/materialize.js'
import { columnNames, textAt, textsOf } from '../snapshot/content.js'
import { columnTexts } from '../snapshot/row-text.js'
import { splice } from '../snapshot/splice.js'
import { Eventual } from '../util/eventual.js'
import { countOf, membersOf, withMember, withoutMember, type Few } from '../util/few.js'
import type { LiveOptions, LiveState, LiveStatus, RefreshEvent, RouteExplanation, Scope, Update } from './contract.js'
import type { QueryShape } from './shared-shapes.js'
import { createUpdate } from './update.js'

export type Row = Readonly<Record<string, unknown>>

/** What a handle contributes to the live query that it shares with others. */
export interface Holder {
  readonly id: string | undefined
  readonly onError: LiveOptions<never, Row>['onError']
}

/** Told of each update of a live query that it watches; must not throw. */
export interface Watcher {
  updated(update: Update<Row>): void
}

/** What a live query asks of the engine. One for all, because there are many live queries. */
export interface InstanceHost {
  now(): number
  /** For errors that no holder takes. */
  onError(error: RealtimeError): void
  /** A refresh has ended, with this error: `instance.lastRefresh` tells the rest. */
  refreshed(instance: LiveInstance, error: RealtimeError | undefined): void
}

/** Of a connection. What a tick until then has read may still come. */
export interface Loss {
  readonly error: RealtimeError
  readonly tick: number
}

export interface LiveInstanceOptions {
  readonly identity: string
  readonly shape: QueryShape
  readonly parameters: readonly unknown[]
  readonly options: LiveOptions<never, Row>
  readonly schedule: Schedule
  /** Makes the filter that the `refresh` option asks for; undefined where it asks for none. */
  readonly filter: ((rows: () => readonly Row[]) => RefreshFilter<never, Row>) | undefined
  /** What Kysely's plugins make of rows; undefined where there are none. */
  readonly transform: MaterializeOptions<Row>['transform']
  readonly host: InstanceHost
}

/**
 * A live query: one query with its parameters and scope, kept current once for all handles that watch it. Holds the
 * present rows, and tells who watches when they, or their status, change. There may be tens of thousands: what all of them
 * have in common is no field of each.
 */
export class LiveInstance implements Refreshable, Routable {
  readonly identity: string
  readonly shape: QueryShape
  readonly parameters: readonly unknown[]
  readonly options: LiveOptions<never, Row>
  readonly schedule: Schedule
  readonly filter: RefreshFilter<never, Row> | undefined
  readonly #transform: MaterializeOptions<Row>['transform']
  readonly #host: InstanceHost
  /** There while somebody waits for the first result. */
  #ready: Eventual<readonly Row[]> | undefined
  #plan: Plan | undefined
  #planError: RealtimeError | undefined
  #loss: Loss | undefined
  #content: Materialized<Row> | undefined
  #state: LiveState<Row> = PENDING
  #holders: Few<Holder>
  #watchers: Few<Watcher>
  /** How changes reach the instances of a plan, once it is registered. */
  routesOf: (plan: Plan) => readonly RouteExplanation[] = noRoutes
  #refreshes = 0
  #lastReport: RefreshReport | undefined
  #refreshedAt = 0

  constructor({ identity, shape, parameters, options, schedule, filter, transform, host }: LiveInstanceOptions) {
    this.identity = identity
    this.shape = shape
    this.parameters = parameters
    this.options = options
    this.schedule = schedule
    this.#transform = transform
    this.#host = host
    this.filter = filter?.(() => this.#state.rows)
  }

  get sql(): string {
    return this.shape.sql
  }

  get scope(): Scope {
    return this.options.scope ?? NO_SCOPE
  }

  get isUnsettled(): boolean {
    return this.schedule.pendingSince !== undefined
  }

  get lastRow(): LastRow | undefined {
    const content = this.#content
    const count = content?.ends.length ?? 0
    if (!content || count === 0) return undefined
    const names = columnNames(content.shape)
    return { count, names, columns: columnTexts(textAt(content, count - 1), names.length) }
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

  /** The first result, or the error that kept it from coming; the present rows where there are some. */
  get ready(): Promise<readonly Row[]> {
    this.#ready ??= new Eventual()
    const { promise } = this.#ready
    if (this.#content) this.#settleReady(undefined)
    else if (this.#state.error) this.#settleReady(this.#state.error)
    return promise
  }

  get isClosed(): boolean {
    return this.#state.status === 'closed'
  }

  get holders(): number {
    return countOf(this.#holders)
  }

  get refreshes(): number {
    return this.#refreshes
  }

  /** Made when it is asked for: nearly always, nobody does. */
  get lastRefresh(): RefreshEvent | undefined {
    const report = this.#lastReport
    if (!report) return undefined
    return {
      ...report,
      id: membersOf(this.#holders).find(({ id }) => id !== undefined)?.id,
      sql: this.sql,
      parameters: this.parameters,
      scope: this.scope,
      // A failed refresh changed no rows.
      rows: report.rows ?? this.#state.rows.length,
      at: new Date(this.#refreshedAt),
    }
  }

  retain(holder: Holder): void {
    this.#holders = withMember(this.#holders, holder)
  }

  /** True when nobody holds it any more. */
  release(holder: Holder): boolean {
    const before = this.holders
    this.#holders = withoutMember(this.#holders, holder)
    return before > 0 && this.holders === 0
  }

  watch(watcher: Watcher): void {
    this.#watchers = withMember(this.#watchers, watcher)
  }

  unwatch(watcher: Watcher): void {
    this.#watchers = withoutMember(this.#watchers, watcher)
  }

  mayReread(fewest: number): boolean {
    // A filter holds changes back, which the whole result would show with the next one that it lets through.
    const isSound = this.#state.status === 'live' && !this.#planError && !this.filter
    return isSound && this.#content !== undefined && this.#content.ends.length >= fewest
  }

  splice(touched: Touched, fields: readonly RawField[], rows: readonly RawRow[]): readonly string[] | undefined {
    const order = this.#plan?.reread?.order
    const content = this.#content
    if (!content || !order) return undefined
    return splice({ texts: textsOf(content), shape: content.shape }, touched, order, fields, rows)
  }

  accept(result: RawResult, snapshot: SnapshotToken): Accepted | Promise<Accepted> {
    const options = { ordered: this.plan.ordered !== false, transform: this.#transform }
    const content = materialize(this.#content, result, options)
    return content instanceof Promise
      ? content.then((later) => this.#accepted(later, snapshot))
      : this.#accepted(content, snapshot)
  }

  #accepted(content: Materialized<Row>, snapshot: SnapshotToken): Accepted {
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
    if (this.#loss && this.schedule.refreshedAt > this.#loss.tick) this.#loss = undefined
    const error = this.#planError ?? this.#loss?.error
    this.#enter({ rows, version, snapshot, status: error ? 'stale' : 'live', error })
    this.#settleReady(undefined)
  }

  fail(error: RealtimeError): void {
    if (this.isClosed) return
    this.#report(error)
    this.#settleReady(error)
    this.#enter({ ...this.#state, status: this.#content ? 'stale' : 'pending', error })
  }

  refreshed(report: RefreshReport): void {
    if (this.isClosed) return
    this.#refreshes += 1
    this.#lastReport = report
    this.#refreshedAt = this.#host.now()
    this.#host.refreshed(this, report.error)
  }

  /** The connection is lost: the rows may be out of date until the result of a later tick. */
  markStale(loss: Loss): void {
    const { error } = loss
    this.#loss = loss
    if (this.#state.status === 'live') this.#enter({ ...this.#state, status: 'stale', error })
  }

  close(error: RealtimeError): void {
    if (this.isClosed) return
    this.#settleReady(error)
    this.#enter({ ...this.#state, status: 'closed', error: this.#state.error ?? error })
    this.#watchers = undefined
  }

  #settleReady(error: RealtimeError | undefined): void {
    if (error) this.#ready?.reject(error)
    else this.#ready?.resolve(this.#state.rows)
    this.#ready = undefined
  }

  #report(error: RealtimeError): void {
    const takers = membersOf(this.#holders).flatMap(({ onError }) => (onError ? [onError] : []))
    if (takers.length === 0) this.#host.onError(error)
    for (const take of takers) {
      try {
        take(error, { sql: this.sql, parameters: this.parameters })
      } catch (cause) {
        this.#host.onError(new ListenerError(`An onError callback threw: ${String(cause)}`, { cause }))
      }
    }
  }

  #enter(next: LiveState<Row>): void {
    const previous = this.#state
    this.#state = next
    const isChanged = next.rows !== previous.rows || (next.version !== previous.version && previous.version === '')
    if (!isChanged && !isOtherStatus(previous, next)) return
    const watchers = membersOf(this.#watchers)
    if (watchers.length === 0) return
    const update = createUpdate(next, isChanged ? 'rows' : 'status', previous.rows)
    for (const watcher of watchers) watcher.updated(update)
  }
}

/** The state of each live query before its first result. */
export const PENDING: LiveState<Row> = Object.freeze({
  rows: Object.freeze([]),
  status: 'pending',
  version: '',
  snapshot: '',
  error: undefined,
})

/** One object for all, because scopes are told apart by what is kept of each. */
export const NO_SCOPE: Scope = Object.freeze({})

function noRoutes(): readonly RouteExplanation[] {
  return []
}

function isOtherStatus(previous: { status: LiveStatus; error: unknown }, next: { status: LiveStatus; error: unknown }) {
  return previous.status !== next.status || previous.error !== next.error
}
