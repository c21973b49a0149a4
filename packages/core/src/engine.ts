import type { Plan } from './analyze/plan.js'
import type { ChangeSource } from './capture/contract.js'
import { createTriggerSource, uninstall } from './capture/index.js'
import { newClient } from './connection/session.js'
import { ClosedError, ListenerError, StillRunningError, type RealtimeError } from './errors.js'
import { checkDatabase, compileLiveQuery } from './live/compile.js'
import type {
  EngineStatus,
  LiveInput,
  LiveOptions,
  LiveQuery,
  Realtime,
  RealtimeOptions,
  RefreshEvent,
  Scope,
} from './live/contract.js'
import { identityOf } from './live/identity.js'
import { LiveHandle, type HandleHost } from './live/live-handle.js'
import { SharedShapes } from './live/shared-shapes.js'
import { LiveInstance, NO_SCOPE, type Holder, type InstanceHost, type Row } from './live/live-instance.js'
import { Openings } from './live/openings.js'
import { Registry } from './live/registry.js'
import { validateLiveOptions, validateRealtimeOptions } from './live/validate-options.js'
import { Pipeline } from './pipeline.js'
import { Schedule } from './refresh/schedule.js'
import type { Tuning } from './refresh/tick-loop.js'
import { labelOf, namesOf, transformOf } from './route/names.js'
import { RefreshFilter } from './route/refresh-filter.js'
import { abortable } from './util/abortable.js'
import { systemClock, type Clock, type Random } from './util/clock.js'
import { Listeners } from './util/listeners.js'
import { logError } from './util/log-error.js'
import { clientConfigOf, parsersOf } from './util/pool.js'
import { endClient } from './util/postgres.js'

/** What tests put in the place of the real thing. */
export interface EngineOverrides extends Tuning {
  readonly clock?: Clock
  readonly random?: Random
  readonly heartbeatMs?: number
  /** Wraps the change source, to lose or change what it says. */
  readonly source?: (source: ChangeSource) => ChangeSource
  /** Changes what the analysis found. */
  readonly plan?: (plan: Plan) => Plan
}

const DEFAULTS = {
  schema: '_pg_realtime',
  throttleMs: 500,
  safetyPollMs: 5_000,
  auditMs: 5_000,
  heartbeatMs: 5_000,
  maxRefreshConnections: 2,
  statementTimeoutMs: 30_000,
} as const

/** `createRealtime` with the seams that tests use. */
export function createEngine<DB>(options: RealtimeOptions<DB>, overrides: EngineOverrides = {}): Realtime<DB> {
  checkDatabase(options.db, options.pool)
  validateRealtimeOptions(options)
  return new Engine(options, overrides)
}

class Engine<DB> implements Realtime<DB>, HandleHost, InstanceHost {
  readonly #options: RealtimeOptions<DB>
  readonly #overrides: EngineOverrides
  readonly #clock: Clock
  readonly #random: Random
  readonly #registry = new Registry()
  readonly #refreshes: Listeners<RefreshEvent>
  readonly #statuses: Listeners<EngineStatus>
  readonly #openings = new Openings()
  readonly #shapes = new SharedShapes()
  #pipeline: Pipeline | undefined
  #started: Promise<void> | undefined
  #stopping: Promise<void> | undefined
  #wasStopped = false
  #stops = 0

  constructor(options: RealtimeOptions<DB>, overrides: EngineOverrides) {
    this.#options = options
    this.#overrides = overrides
    this.#clock = overrides.clock ?? systemClock
    this.#random = overrides.random ?? Math.random
    this.#refreshes = this.#listeners('An observer')
    this.#statuses = this.#listeners('A status listener')
  }

  readonly onError = (error: RealtimeError): void => {
    const { onError = logError } = this.#options
    try {
      onError(error)
    } catch (cause) {
      logError(new ListenerError(`onError threw: ${String(cause)}`, { cause }))
      logError(error)
    }
  }

  get status(): EngineStatus {
    return this.#pipeline?.status ?? 'stopped'
  }

  get size(): number {
    return this.#registry.size
  }

  async start(): Promise<void> {
    const stops = this.#stops
    if (this.#stopping) await this.#stopping
    if (stops !== this.#stops) throw new ClosedError(STOPPED_MEANWHILE)
    this.#wasStopped = false
    this.#started ??= this.#start()
    return this.#started
  }

  live<R>(query: LiveInput<R>, options: LiveOptions<DB, R> = NO_OPTIONS): LiveQuery<R> {
    this.#registry.checkId(options.id, options.scope ?? NO_SCOPE)
    const handle = new LiveHandle(this, query as LiveInput<Row>, options as unknown as LiveOptions<never, Row>)
    this.#registry.addHandle(handle)
    return handle as unknown as LiveQuery<R>
  }

  get(id: string, scope: Scope = {}): LiveQuery<unknown> | undefined {
    return this.#registry.handle(id, scope)
  }

  close(id: string, scope: Scope = {}): true | undefined {
    return this.#registry.handle(id, scope)?.close() || undefined
  }

  async barrier({ signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
    if (!this.#wasStopped) await abortable((this.#started ??= this.#start()), signal)
    await abortable(this.#openings.settled(), signal)
    if (this.#wasStopped || !this.#pipeline) throw new ClosedError('The engine was stopped: call start() first.')
    await this.#pipeline.barrier(signal)
  }

  observe(listener: (event: RefreshEvent) => void): () => void {
    return this.#refreshes.add(listener)
  }

  onStatus(listener: (status: EngineStatus) => void): () => void {
    return this.#statuses.add(listener)
  }

  async stop(): Promise<void> {
    this.#wasStopped = true
    this.#stops += 1
    this.#stopping ??= this.#stop().finally(() => (this.#stopping = undefined))
    return this.#stopping
  }

  async uninstall(): Promise<void> {
    if (this.#started || this.#stopping) {
      throw new StillRunningError('The engine is running: await stop() first, on every server of this database.')
    }
    const client = await this.#connectInstaller()
    try {
      await uninstall(client, this.#schema)
    } finally {
      await endClient(client)
    }
  }

  // ── for handles ───────────────────────────────────────────────────────────────────────────────────────────────────

  async open(query: LiveInput<Row>, options: LiveOptions<never, Row>, holder: Holder): Promise<LiveInstance> {
    validateLiveOptions(options)
    if (this.#wasStopped) throw new ClosedError('The engine is stopped: call start() before making live queries again.')
    const instance = this.#findOrCreate(query, options)
    instance.retain(holder)
    try {
      await this.#openings.wait(instance, holder)
      return instance
    } catch (error) {
      this.release(instance, holder)
      throw error
    }
  }

  giveUp(holder: Holder): void {
    const instance = this.#openings.awaitedBy(holder)
    if (instance) this.release(instance, holder)
  }

  release(instance: LiveInstance, holder: Holder): void {
    if (!instance.release(holder)) return
    this.#openings.forget(instance)
    this.#registry.removeInstance(instance)
    this.#pipeline?.unregister(instance)
    instance.close(new ClosedError('The live query was closed.'))
  }

  closed(handle: LiveHandle): void {
    this.#registry.removeHandle(handle)
  }

  readonly onListenerError = (cause: unknown): void => {
    this.onError(new ListenerError(`A subscriber's listener threw: ${String(cause)}`, { cause }))
  }

  // ── for live queries ──────────────────────────────────────────────────────────────────────────────────────────────

  now(): number {
    return this.#clock.now()
  }

  refreshed(instance: LiveInstance, error: RealtimeError | undefined): void {
    if (error) this.#pipeline?.refreshFailed(instance)
    if (this.#refreshes.size > 0) this.#refreshes.emit(instance.lastRefresh!)
  }

  #findOrCreate(query: LiveInput<Row>, options: LiveOptions<never, Row>): LiveInstance {
    const { db, throttleMs = DEFAULTS.throttleMs } = this.#options
    const compiled = compileLiveQuery(db, query)
    const window = options.throttleMs ?? throttleMs
    const identity = identityOf(compiled.sql, compiled.parameters, options, window)
    const existing = this.#registry.instance(identity)
    if (existing) return existing
    const instance = new LiveInstance({
      identity,
      shape: this.#shapes.of(compiled),
      parameters: compiled.parameters,
      options,
      schedule: new Schedule(window, this.#clock, this.#random),
      filter: this.#filterOf(options),
      transform: transformOf(db.getExecutor().plugins, compiled.queryId),
      host: this,
    })
    this.#registry.addInstance(instance)
    this.#openings.begin(instance, this.#register(instance))
    return instance
  }

  async #register(instance: LiveInstance): Promise<void> {
    try {
      await (this.#started ??= this.#start())
      await this.#pipeline?.register(instance)
    } catch (error) {
      this.#registry.removeInstance(instance)
      instance.close(error as RealtimeError)
      throw error
    }
  }

  async #start(): Promise<void> {
    const pipeline = this.#createPipeline()
    this.#pipeline = pipeline
    try {
      await pipeline.start()
    } catch (error) {
      await pipeline.stop()
      this.#pipeline = undefined
      this.#started = undefined
      throw this.#wasStopped ? new ClosedError(STOPPED_MEANWHILE) : error
    }
  }

  async #stop(): Promise<void> {
    this.#pipeline?.rejectBarriers()
    for (const handle of [...this.#registry.handles]) handle.end(new ClosedError('The engine was stopped.'))
    await this.#pipeline?.stop()
    await this.#started?.catch(() => {})
    this.#pipeline = undefined
    this.#started = undefined
  }

  #createPipeline(): Pipeline {
    const { db, pool, listen, onError: _, ...options } = this.#options
    const names = namesOf(db)
    const {
      source = (it: ChangeSource) => it,
      plan = (it: Plan) => it,
      heartbeatMs = DEFAULTS.heartbeatMs,
    } = this.#overrides
    return new Pipeline({
      pool,
      config: listen ?? clientConfigOf(pool),
      source: source(this.#createSource()),
      registry: this.#registry,
      clock: this.#clock,
      random: this.#random,
      auditMs: options.auditMs ?? DEFAULTS.auditMs,
      heartbeatMs,
      maxRefreshConnections: Math.min(
        options.maxRefreshConnections ?? DEFAULTS.maxRefreshConnections,
        pool.options.max,
      ),
      isPooled: listen !== undefined,
      tuning: this.#overrides,
      statementTimeoutMs: options.statementTimeoutMs ?? DEFAULTS.statementTimeoutMs,
      mapPlan: plan,
      labelOf: (table) => labelOf(names, table),
      onStatus: (status) => this.#statuses.emit(status),
      onError: this.onError,
    })
  }

  #createSource(): ChangeSource {
    const { db, install = 'auto', doorbell, exclude = {}, safetyPollMs = DEFAULTS.safetyPollMs } = this.#options
    const names = namesOf(db)
    return createTriggerSource({
      schema: this.#schema,
      install,
      installer: () => this.#connectInstaller(),
      doorbell,
      exclude: new Map(
        Object.entries<readonly string[]>(exclude).map(([table, columns]) => [
          labelOf(names, table),
          columns.map((column) => names.toColumn(table, column)),
        ]),
      ),
      safetyPollMs,
      clock: this.#clock,
      random: this.#random,
    })
  }

  get #schema(): string {
    return this.#options.schema ?? DEFAULTS.schema
  }

  async #connectInstaller() {
    const { installer, listen, pool } = this.#options
    const client = newClient(installer ?? listen ?? clientConfigOf(pool), 'pg-realtime installer', () => {})
    await client.connect()
    return client
  }

  #filterOf({ refresh }: LiveOptions<never, Row>) {
    if (!refresh) return undefined
    const { db, pool } = this.#options
    const context = { db: db as never, names: namesOf(db), parsers: parsersOf(pool), onError: this.onError }
    return (rows: () => readonly Row[]) => new RefreshFilter(refresh, context, rows)
  }

  #listeners<Event>(what: string): Listeners<Event> {
    return new Listeners<Event>((cause) =>
      this.onError(
        new ListenerError(`${what} threw: ${cause instanceof Error ? cause.message : String(cause)}`, { cause }),
      ),
    )
  }
}

const NO_OPTIONS = Object.freeze({})
const STOPPED_MEANWHILE = 'The engine was stopped while it was starting.'
