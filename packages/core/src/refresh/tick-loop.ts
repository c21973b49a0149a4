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
import type { RoutedChange } from '../route/contract.js'
import type { Clock } from '../util/clock.js'
import type { Refreshable } from './contract.js'
import { Lanes } from './lanes.js'
import { PreparedStatements } from './prepared.js'
import { Shapes } from './shape.js'
import { Work } from './work.js'
import { TickTransaction } from './tick-transaction.js'
import { refresh, type TickSnapshot } from './worker.js'

/** Where a tick reads: undefined while there is no connection. */
export interface TickSession {
  readonly reader: Client
  readonly origin: string
  /** Gives the connection up as lost. */
  abandon(this: void, error: Error): void
}

const ANSWER_MS = 10_000
/** Work that is expected to take longer is spread over several connections. */
const WORTH_A_LANE_MS = 50

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
  /** The pool's connections are a pooler's, which may share them out by the transaction. */
  readonly isPooled: boolean
  readonly shapes?: Shapes | undefined
  readonly statementTimeoutMs: number
}

export class TickLoop<Query extends Refreshable> {
  readonly #options: TickLoopOptions
  readonly #lanes: Lanes
  readonly #shapes: Shapes
  readonly #prepared: PreparedStatements
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
    this.#lanes = new Lanes(options.maxConnections)
    this.#shapes = options.shapes ?? new Shapes()
    this.#prepared = new PreparedStatements(options.isPooled)
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
  mark(query: Query, reason: RefreshReason, tick: number = this.#tick + 1, changes?: readonly RoutedChange[]): void {
    query.schedule.mark(tick, reason, changes && query.plan.reread ? changes : undefined)
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
    // Where every connection is taken, the next one that is free asks again.
    if (this.#tick < tick || this.#dueQueries(Infinity).length > 0) this.request()
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
    const answered = this.#awaitAnswer(session)
    const transaction = new TickTransaction(reader, answered)
    try {
      const batch = await this.#options.source().read(transaction.client)
      const id = await transaction.open()
      await this.#options.route(batch, tick, reader)
      await this.#refreshDue(tick, { id, token: `${origin}.${batch.snapshot}` })
    } finally {
      answered()
      await transaction.commit()
    }
  }

  /** Answered by any server that is there: silence means that the connection is dead. Returns what an answer calls. */
  #awaitAnswer({ abandon }: TickSession): () => void {
    const { clock } = this.#options
    const timer = clock.setTimeout(
      () => abandon(new Error(`the server did not answer within ${ANSWER_MS} ms`)),
      ANSWER_MS,
    )
    return () => clock.clearTimeout(timer)
  }

  /** Resolves when every connection that refreshes has imported the snapshot, or given up. */
  async #refreshDue(tick: number, snapshot: TickSnapshot): Promise<void> {
    const due = this.#dueQueries(tick)
    const imports: Promise<void>[] = []
    for (const isApart of [false, true]) {
      const queries = due.filter((query) => this.#isSlow(query) === isApart)
      if (queries.length > 0) imports.push(...this.#refresh(queries, tick, snapshot, isApart))
    }
    await Promise.all(imports)
  }

  /** Begun jobs must end: nothing may fail between taking them and handing them to workers. */
  #refresh(queries: readonly Query[], tick: number, snapshot: TickSnapshot, isApart: boolean): Promise<void>[] {
    const jobs = queries.map((query) => {
      this.#dirty.delete(query)
      const { changes } = query.schedule
      return { query, changes, reasons: query.schedule.begin(tick) }
    })
    const { clock } = this.#options
    const work = new Work(jobs, this.#shapes, isApart, () => clock.now())
    const lanes = Math.min(this.#lanes.free(isApart), Math.max(1, Math.ceil(work.expectedMs / WORTH_A_LANE_MS)))
    const { promises, workers } = this.#startWorkers(lanes, work, snapshot, isApart)
    this.#track(Promise.all(workers), work, queries)
    return promises
  }

  #startWorkers(lanes: number, work: Work<Query>, snapshot: TickSnapshot, isApart: boolean) {
    const { pool, statementTimeoutMs, clock } = this.#options
    const worker = {
      pool,
      statementTimeoutMs,
      clock,
      prepared: this.#prepared,
      isStopped: () => this.#isStopped,
      clients: this.#clients,
    }
    const workers: Promise<void>[] = []
    const promises = Array.from({ length: lanes }, () => {
      this.#lanes.take(isApart)
      return new Promise<void>((onImported) => {
        const release = () => {
          this.#lanes.release(isApart)
          this.#progress()
        }
        workers.push(refresh(work, snapshot, isApart, worker, onImported).finally(release))
      })
    })
    return { promises, workers }
  }

  #track(workers: Promise<unknown>, work: Work<Query>, queries: readonly Query[]): void {
    const tracked = workers.then(() => {
      // What no worker came to: no connection was free, or the engine stops.
      for (const { query } of work.drain()) query.schedule.abort()
      for (const query of queries) if (query.schedule.isDirty && !query.isClosed) this.#dirty.add(query)
      this.#refreshes.delete(tracked)
      this.#progress()
    })
    this.#refreshes.add(tracked)
  }

  #progress(): void {
    this.#arm()
    this.#options.onProgress()
  }

  #isSlow(query: Query): boolean {
    return this.#shapes.of(query.plan).isSlow
  }

  /** Queries that may be refreshed now, and for which a connection is free. */
  #dueQueries(tick: number): Query[] {
    const now = this.#options.clock.now()
    const [shared, apart] = [this.#lanes.free(false) > 0, this.#lanes.free(true) > 0]
    return [...this.#dirty].filter((query) => {
      if (!(this.#isSlow(query) ? apart : shared)) return false
      const { schedule } = query
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
    const [shared, apart] = [this.#lanes.free(false) > 0, this.#lanes.free(true) > 0]
    for (const query of this.#dirty) {
      if (this.#isSlow(query) ? apart : shared) next = Math.min(next, query.schedule.dueAt() ?? Infinity)
    }
    if (next === Infinity) return
    this.#timer = clock.setTimeout(() => this.request(), Math.max(0, next - clock.now()))
  }
}
