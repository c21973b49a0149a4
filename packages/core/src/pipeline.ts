/**
 * The pipeline, put together: the only module that knows every stage.
 *
 *   live query ─► analyze ─► plan ─► capture its tables ─► register at the next tick
 *   commit ─► change source ─► tick: read batch ─► route ─► refresh ─► live query ─► its handles
 *
 * One pipeline lives from `start` to `stop`; connections come and go in between.
 */
import type { ClientConfig, Pool } from 'pg'
import { Planner } from './analyze/planner.js'
import type { Plan, PlanTable } from './analyze/plan.js'
import { Audits } from './audit.js'
import type { ChangeSource } from './capture/contract.js'
import type { RelationId } from './change.js'
import { Supervisor } from './connection/supervisor.js'
import { isLost, toRealtimeError } from './connection/failures.js'
import type { Session } from './connection/session.js'
import { ClosedError, ConnectionLostError, InstallError, NotInstalledError, type RealtimeError } from './errors.js'
import type { EngineStatus } from './live/contract.js'
import type { LiveInstance } from './live/live-instance.js'
import type { Registry } from './live/registry.js'
import { Barriers } from './refresh/barrier.js'
import { TickLoop, type Tuning } from './refresh/tick-loop.js'
import { Dispatcher } from './route/dispatcher.js'
import { Questioner } from './route/questioner.js'
import { backoffDelay, type BackoffOptions } from './util/backoff.js'
import type { Clock, Random } from './util/clock.js'
import { deferred } from './util/deferred.js'
import { backendOf, destroyConnection } from './util/pool.js'
import { Intervals } from './util/intervals.js'
import { isConnectionError } from './util/postgres.js'

const RETRY: BackoffOptions = { firstMs: 100, maxMs: 5_000 }

export interface PipelineOptions {
  readonly pool: Pool
  /** For the two connections that the engine keeps. */
  readonly config: ClientConfig
  readonly source: ChangeSource
  readonly registry: Registry
  readonly clock: Clock
  readonly random: Random
  readonly auditMs: number
  readonly heartbeatMs: number
  readonly maxRefreshConnections: number
  /** The pool's connections are a pooler's: what is prepared on one ends with the transaction. */
  readonly isPooled: boolean
  readonly tuning: Tuning
  readonly statementTimeoutMs: number
  readonly mapPlan: (plan: Plan) => Plan
  /** A table of the application's database interface, as plans label it. */
  readonly labelOf: (table: string) => string
  readonly onStatus: (status: EngineStatus) => void
  readonly onError: (error: RealtimeError) => void
}

export class Pipeline {
  readonly #options: PipelineOptions
  readonly #planner: Planner
  readonly #dispatcher: Dispatcher<LiveInstance>
  readonly #loop: TickLoop<LiveInstance>
  readonly #barriers: Barriers<LiveInstance>
  readonly #supervisor: Supervisor
  readonly #intervals: Intervals<LiveInstance>
  readonly #audits: Audits
  #sourceStopped: Promise<void> = Promise.resolve()
  readonly #watching = new Map<Plan, Promise<void>>()
  #reconnected = deferred<void>()
  #opens = 0
  /** The connection, by its number, whose loss was told for the queries that were being analyzed. */
  #toldAtOpen = -1
  #isStopped = false

  constructor(options: PipelineOptions) {
    this.#options = options
    const { pool, clock, random, source, registry, mapPlan } = options
    this.#intervals = new Intervals(clock)
    this.#planner = new Planner({ pool, clock, mapPlan })
    const questioner = new Questioner(clock)
    this.#loop = new TickLoop<LiveInstance>({
      pool,
      clock,
      source: () => source,
      session: () => this.#supervisor.session,
      route: (batch, tick, reader) =>
        this.#dispatcher.dispatch(batch, tick, (inquiries, changes) => questioner.ask(reader, inquiries, changes)),
      onFailure: (error, session) => this.#tickFailed(error, session as Session),
      onProgress: () => this.#barriers.check(),
      maxConnections: options.maxRefreshConnections,
      isPooled: options.isPooled,
      shapes: options.tuning.shapes,
      guess: options.tuning.guess,
      statementTimeoutMs: options.statementTimeoutMs,
    })
    this.#dispatcher = new Dispatcher<LiveInstance>({
      clock,
      mark: (instance, reason, tick, changes) => this.#loop.mark(instance, reason, tick, changes),
      onLateMark: () => this.#loop.request(),
      onDecided: () => this.#barriers.check(),
    })
    this.#barriers = new Barriers<LiveInstance>({
      currentTick: () => this.#loop.current,
      completedTick: () => this.#loop.completed,
      force: (tick) => this.#loop.force(tick),
      queries: () => registry.instances,
      undecidedSince: () => this.#dispatcher.undecidedSince,
    })
    this.#supervisor = new Supervisor({
      config: options.config,
      clock,
      random,
      heartbeatMs: options.heartbeatMs,
      onOpen: (session) => this.#opened(session),
      onLost: (error) => this.#lost(error),
      onStatus: (status) => {
        if (status === 'live') this.#resume()
        options.onStatus(status)
      },
      onError: options.onError,
    })
    this.#audits = new Audits({
      clock,
      auditMs: options.auditMs,
      source,
      dispatcher: this.#dispatcher,
      session: () => this.#supervisor.session,
      analyze: (instance) => this.#analyze(instance),
      forgetPlans: () => this.#planner.clear(),
      mark: (instance, because) => this.#loop.mark(instance, { kind: 'gap', because }),
      requestTick: () => this.#loop.request(),
      onError: options.onError,
    })
  }

  get status(): EngineStatus {
    return this.#supervisor.status
  }

  async start(): Promise<void> {
    // Without a listener, a pool's idle connection that is lost ends the process.
    this.#options.pool.on('error', this.#poolError)
    await this.#supervisor.start()
    this.#audits.start()
  }

  /** Analyzes a live query, captures its tables and registers it: from the next tick on it is kept current. */
  async register(instance: LiveInstance): Promise<void> {
    const plan = await this.#plan(instance)
    if (instance.isClosed) return
    instance.plan = plan
    instance.schedule.enroll(this.#loop.current + 1)
    instance.routesOf = this.#routesOf
    this.#dispatcher.add(instance)
    this.#loop.mark(instance, { kind: 'first' })
    this.#loop.request()
    const { refreshEvery } = instance.options
    if (typeof refreshEvery === 'number')
      this.#intervals.set(instance, refreshEvery, () => this.#refreshAnyway(instance))
  }

  readonly #routesOf = (plan: Plan) => this.#dispatcher.shape(plan)?.describe() ?? []

  unregister(instance: LiveInstance): void {
    this.#dispatcher.remove(instance)
    this.#loop.forget(instance)
    this.#intervals.clear(instance)
    this.#barriers.check()
  }

  #refreshAnyway(instance: LiveInstance): void {
    this.#loop.mark(instance, { kind: 'interval' })
    this.#loop.request()
  }

  barrier(signal?: AbortSignal): Promise<void> {
    return this.#barriers.wait(signal)
  }

  /** Told of every failed refresh, so that barriers do not wait for its next try. */
  refreshFailed(instance: LiveInstance): void {
    this.#barriers.failed(instance)
  }

  /** Barriers are told first: with no live query left, each of them would seem to be reached. */
  rejectBarriers(): void {
    this.#barriers.stop()
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    const { source, pool } = this.#options
    pool.off('error', this.#poolError)
    this.#audits.stop()
    this.#intervals.clearAll()
    this.#barriers.stop()
    this.#reconnected.reject(new ConnectionLostError('The engine was stopped.'))
    await this.#cancelRefreshes()
    await this.#loop.stop()
    await this.#audits.ended()
    await this.#sourceStopped
    await source.stop()
    await this.#supervisor.stop()
    // Of a session that was being opened.
    await this.#sourceStopped
  }

  readonly #poolError = (cause: Error): void => {
    this.#options.onError(new ConnectionLostError(`The pool lost an idle connection: ${cause.message}`, { cause }))
  }

  // ── connection ────────────────────────────────────────────────────────────────────────────────────────────────────

  async #opened(session: Session): Promise<void> {
    await this.#sourceStopped
    const { source, onError } = this.#options
    await source.start(session.control, { wake: () => this.#loop.request(), onError })
    await this.#watchAll(source)
    this.#opens += 1
  }

  /** One table that cannot be captured any more keeps no other from it. */
  async #watchAll(source: ChangeSource): Promise<void> {
    const tables = this.#watchedTables()
    const broken = new Map<RelationId, RealtimeError>()
    if (await this.#cannotWatch(source, tables)) {
      for (const table of tables) {
        const error = await this.#cannotWatch(source, [table])
        if (error) broken.set(table.relation, error)
      }
    }
    this.#audits.uncaptured(broken)
  }

  async #cannotWatch(source: ChangeSource, tables: readonly PlanTable[]): Promise<RealtimeError | undefined> {
    try {
      await source.watch(tables)
      return undefined
    } catch (error) {
      if (error instanceof InstallError || error instanceof NotInstalledError) return error
      throw error
    }
  }

  #resume(): void {
    this.#reconnected.resolve()
    this.#reconnected = deferred()
    this.#loop.request()
  }

  #lost(error: RealtimeError): void {
    const loss = { error, tick: this.#loop.current }
    for (const instance of this.#options.registry.instances) {
      instance.schedule.interrupt()
      instance.markStale(loss)
    }
    // The network that swallowed one connection has swallowed the others.
    for (const client of this.#loop.clients) destroyConnection(client)
    this.#sourceStopped = this.#options.source.stop().catch(() => {})
  }

  /** A tick failed, and with it perhaps a part of a batch: begin anew, which installs what is missing. */
  #tickFailed(cause: unknown, session: Session): void {
    if (this.#isStopped) return
    session.abandon(
      isConnectionError(cause) ? (cause as Error) : toRealtimeError(cause, 'The change log could not be read'),
    )
  }

  async #cancelRefreshes(): Promise<void> {
    const backends = [...this.#loop.clients].map(backendOf)
    if (backends.length === 0) return
    await this.#supervisor.session?.control
      .query('SELECT pg_catalog.pg_cancel_backend(pid) FROM pg_catalog.unnest($1::int[]) AS pid', [backends])
      .catch(() => {})
  }

  // ── analysis ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Analyzes and captures, through as many lost connections as it takes. */
  async #plan(instance: LiveInstance): Promise<Plan> {
    for (let attempt = 0; ; attempt++) {
      const opens = this.#opens
      try {
        const plan = await this.#analyze(instance)
        instance.filter?.check(plan)
        await this.#watch(plan)
        if (opens === this.#opens && this.status === 'live') return plan
      } catch (error) {
        // A source that stopped meanwhile will start again with the connection.
        const isInterrupted = isLost(error) || (error instanceof ClosedError && this.status !== 'live')
        if (this.#isStopped || instance.isClosed || !isInterrupted) throw error
        // Why the source stopped, the connection has told.
        if (isLost(error)) this.#interrupted(toRealtimeError(error, 'A query could not be analyzed'))
      }
      await this.#nextTry(attempt)
    }
  }

  /** Thousands of queries may wait for one connection: its loss is told once. */
  #interrupted(error: RealtimeError): void {
    const { status } = this
    if (status !== 'live' && this.#toldAtOpen === this.#opens) return
    if (status !== 'live') this.#toldAtOpen = this.#opens
    this.#options.onError(error)
  }

  /** After the reconnect; or after a while, where only the pool's connections fail. */
  async #nextTry(attempt: number): Promise<void> {
    if (this.status !== 'live') return this.#reconnected.promise
    const { clock, random } = this.#options
    const waited = deferred<void>()
    const timer = clock.setTimeout(waited.resolve, backoffDelay(attempt, RETRY, random))
    await Promise.race([waited.promise, this.#reconnected.promise]).finally(() => clock.clearTimeout(timer))
  }

  /** Asked for once for all instances of a shape that open at the same time. */
  #watch(plan: Plan): Promise<void> {
    let watching = this.#watching.get(plan)
    if (!watching) {
      watching = this.#options.source.watch(plan.tables).finally(() => this.#watching.delete(plan))
      this.#watching.set(plan, watching)
    }
    return watching
  }

  #analyze({ shape, options, scope }: LiveInstance): Promise<Plan> {
    return this.#planner.plan({
      sql: shape.sql,
      node: shape.node,
      scope,
      dependsOn: (options.dependsOn ?? []).map(this.#options.labelOf),
      acceptsTime: options.refreshEvery !== undefined,
    })
  }

  #watchedTables(): PlanTable[] {
    const tables = new Map<number, PlanTable>()
    for (const { plan } of this.#dispatcher.queries) for (const table of plan.tables) tables.set(table.relation, table)
    return [...tables.values()]
  }
}
