/**
 * One tick: look at the change log, route, refresh what is due, all on one snapshot.
 *
 *   request ─► BEGIN ─► read batch ─► route (mark dirty) ─► export snapshot ─► refresh groups import it ─► COMMIT
 *                                                                                    └─ run on, and deliver
 * Ticks never overlap; the refreshes that they start may outlive them. A tick is requested by the change source, by a
 * new live query, by a throttle window that ends, and by a barrier.
 */
import type { Client, Pool, PoolClient } from 'pg'
import type { Batch } from '../change.js'
import type { ChangeSource } from '../capture/contract.js'
import type { RefreshReason } from '../live/contract.js'
import type { Clock } from '../util/clock.js'
import type { Refreshable } from './contract.js'
import { refreshGroup, type Job, type TickSnapshot } from './worker.js'
import { groupByScope } from './scope.js'
import { Semaphore } from '../util/semaphore.js'

/** Where a tick reads: undefined while there is no connection. */
export interface TickSession {
  readonly reader: Client
  readonly origin: string
  /** Gives the connection up as lost. */
  abandon(this: void, error: Error): void
}

const ANSWER_MS = 10_000

export interface TickLoopOptions {
  readonly pool: Pool
  readonly clock: Clock
  readonly source: () => ChangeSource
  readonly session: () => TickSession | undefined
  /** Marks the live queries that the batch can affect. `reader` is in the tick's transaction, on the batch's snapshot. */
  readonly route: (batch: Batch, tick: number, reader: Client) => Promise<void>
  /** The tick itself failed: the log could not be read. */
  readonly onFailure: (error: unknown, session: TickSession) => void
  /** A tick, or a refresh that one started, has ended. */
  readonly onProgress: () => void
  readonly maxConnections: number
  readonly statementTimeoutMs: number
}

export class TickLoop<Query extends Refreshable> {
  readonly #options: TickLoopOptions
  readonly #lanes: Semaphore
  readonly #refreshes = new Set<Promise<void>>()
  readonly #clients = new Set<PoolClient>()
  /** Queries that wait for a refresh, so that a tick's cost does not grow with the clean ones. */
  readonly #dirty = new Set<Query>()
  #tick = 0
  #completed = 0
  #isRequested = false
  #running: Promise<void> | undefined
  #timer: unknown
  #isStopped = false
  /** Queries that a barrier waits for are refreshed though their window is closed. */
  #forcedUntil = 0

  constructor(options: TickLoopOptions) {
    this.#options = options
    this.#lanes = new Semaphore(options.maxConnections)
  }

  /** The number of the tick that runs now or ran last: what happens after this call is in a later one. */
  get current(): number {
    return this.#tick
  }

  /** The last tick that was carried through: every change visible at its start is routed. */
  get completed(): number {
    return this.#completed
  }

  /** The rows of `query` may lack changes of `tick`; by default of the next one, for causes outside of any batch. */
  mark(query: Query, reason: RefreshReason, tick: number = this.#tick + 1): void {
    query.schedule.mark(tick, reason)
    this.#dirty.add(query)
  }

  forget(query: Query): void {
    this.#dirty.delete(query)
  }

  request(): void {
    if (this.#isStopped) return
    this.#isRequested = true
    this.#running ??= this.#run()
  }

  /** Every query that is dirty since `tick` or before is refreshed without regard to its window. */
  force(tick: number): void {
    this.#forcedUntil = Math.max(this.#forcedUntil, tick)
    this.request()
  }

  /** Connections that run refreshes now. */
  get clients(): ReadonlySet<PoolClient> {
    return this.#clients
  }

  /** Begins no tick any more; resolves when every refresh has ended. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#options.clock.clearTimeout(this.#timer)
    await this.#running
    await Promise.all(this.#refreshes)
  }

  async #run(): Promise<void> {
    // Requests made in the same turn share a tick.
    await Promise.resolve()
    while (this.#isRequested && !this.#isStopped) {
      this.#isRequested = false
      const session = this.#options.session()
      if (!session) break
      try {
        await this.#runTick(session)
        this.#completed = this.#tick
      } catch (error) {
        this.#options.onFailure(error, session)
        break
      } finally {
        this.#options.onProgress()
      }
    }
    this.#running = undefined
    this.#arm()
  }

  async #runTick(session: TickSession): Promise<void> {
    const { reader, origin } = session
    const tick = ++this.#tick
    await this.#begin(session)
    try {
      const batch = await this.#options.source().read(reader)
      await this.#options.route(batch, tick, reader)
      if (this.#dueQueries(tick).length === 0) return
      // Begun jobs must end: nothing may fail between taking them and handing them to a worker.
      const { rows } = await reader.query<{ id: string }>('SELECT pg_catalog.pg_export_snapshot() AS id')
      await this.#refresh(this.#takeDue(tick), { id: rows[0]!.id, token: `${origin}.${batch.snapshot}` })
    } finally {
      await reader.query('COMMIT')
    }
  }

  /** Answered by any server that is there: silence means that the connection is dead. */
  async #begin({ reader, abandon }: TickSession): Promise<void> {
    const { clock } = this.#options
    const timer = clock.setTimeout(
      () => abandon(new Error(`the server did not answer within ${ANSWER_MS} ms`)),
      ANSWER_MS,
    )
    try {
      await reader.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
    } finally {
      clock.clearTimeout(timer)
    }
  }

  /** Resolves when every group has imported the snapshot, or given up. */
  async #refresh(jobs: readonly Job<Query>[], snapshot: TickSnapshot): Promise<void> {
    const { pool, statementTimeoutMs, clock } = this.#options
    const worker = {
      pool,
      statementTimeoutMs,
      clock,
      isStopped: () => this.#isStopped,
      clients: this.#clients,
    }
    const imports = groupByScope(jobs, this.#lanes.free || 1).map(async ({ scope, jobs: group }) => {
      await this.#lanes.acquire()
      await new Promise<void>((onImported) => {
        this.#track(refreshGroup(group, scope, snapshot, worker, onImported), group)
      })
    })
    await Promise.all(imports)
  }

  #track(refresh: Promise<void>, jobs: readonly Job<Query>[]): void {
    const tracked = refresh.finally(() => {
      this.#lanes.release()
      for (const { query } of jobs) if (query.schedule.isDirty && !query.isClosed) this.#dirty.add(query)
      this.#refreshes.delete(tracked)
      this.#arm()
      this.#options.onProgress()
    })
    this.#refreshes.add(tracked)
  }

  #takeDue(tick: number): Job<Query>[] {
    return this.#dueQueries(tick).map((query) => {
      this.#dirty.delete(query)
      return { query, reasons: query.schedule.begin(tick) }
    })
  }

  #dueQueries(tick: number): Query[] {
    const now = this.#options.clock.now()
    return [...this.#dirty].filter(({ schedule }) => {
      const since = schedule.pendingSince ?? Infinity
      const isForced = since <= this.#forcedUntil
      const dueAt = schedule.dueAt()
      return since <= tick && dueAt !== undefined && (dueAt <= now || isForced)
    })
  }

  /** Sleeps until the next window ends. */
  #arm(): void {
    if (this.#isStopped || this.#running) return
    const { clock } = this.#options
    clock.clearTimeout(this.#timer)
    this.#timer = undefined
    let next = Infinity
    for (const { schedule } of this.#dirty) next = Math.min(next, schedule.dueAt() ?? Infinity)
    if (next === Infinity) return
    this.#timer = clock.setTimeout(() => this.request(), Math.max(0, next - clock.now()))
  }
}
