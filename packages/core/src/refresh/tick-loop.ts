/**
 * One tick: look at the change log, route, refresh what is due, all on one snapshot (see `TickTransaction`).
 *
 *   request ─► BEGIN ─► read batch ─► route (mark dirty) ─► hand the snapshot to refreshes, which run on and deliver
 *
 * Ticks never overlap; the refreshes that they start may outlive them. A tick is requested by the change source, by a
 * new live query, by a throttle window that ends, and by a barrier.
 */
import type { Client, ClientBase, Pool, PoolClient } from 'pg'
import type { Batch, SnapshotToken } from '../change.js'
import type { ChangeSource } from '../capture/contract.js'
import type { RefreshReason } from '../live/contract.js'
import type { RoutedChange } from '../route/contract.js'
import type { Clock } from '../util/clock.js'
import { startDeadline } from '../util/deadline.js'
import { deferred } from '../util/deferred.js'
import { checkOut } from '../util/pool.js'
import { isConnectionError, sqlState } from '../util/postgres.js'
import type { Refreshable } from './contract.js'
import { Lanes } from './lanes.js'
import { PreparedStatements } from './prepared.js'
import { Shapes } from './shape.js'
import { Work } from './work.js'
import { TickTransaction } from './tick-transaction.js'
import { Waiting, type Group } from './waiting.js'
import { leave, refresh, type Failure, type TickSnapshot } from './worker.js'

/** Where a tick reads: undefined while there is no connection. */
export interface TickSession {
  readonly reader: Client
  readonly origin: string
  /** Whether its connections, and so probably the pool's, are no pooler's. */
  readonly isDirect: boolean
  /** Gives the connection up as lost. */
  abandon(this: void, error: Error): void
}

const ANSWER_MS = 10_000
/** A connection of the pool that is idle comes at once, or the reader does. */
const IDLE_MS = 100

interface TickSnapshots {
  readonly token: SnapshotToken
  /** For the first connection. */
  readonly first: TickSnapshot | undefined
  /** For all others. */
  readonly exported: TickSnapshot | undefined
  /** The tick's session is lost, or the engine stops. */
  readonly isOver: () => boolean
}

export interface TickLoopOptions {
  readonly pool: Pool
  readonly clock: Clock
  readonly source: () => ChangeSource
  readonly session: () => TickSession | undefined
  /** Marks the live queries that the batch can affect. `reader` is in the tick's transaction, on the batch's snapshot. */
  readonly route: (batch: Batch, tick: number, reader: ClientBase) => Promise<void>
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
  readonly #waiting: Waiting<Query>
  #tick = 0
  #completed = 0
  #isRequested = false
  #running: Promise<void> | undefined
  #timer: unknown
  #isStopped = false
  /** The session in which a connection of the pool could not read the log: its role may not, or a limit of it is short. */
  #unfitIn: TickSession | undefined

  constructor(options: TickLoopOptions) {
    this.#options = options
    this.#lanes = new Lanes(options.maxConnections)
    this.#shapes = options.shapes ?? new Shapes()
    this.#prepared = new PreparedStatements(options.isPooled)
    this.#waiting = new Waiting(this.#lanes, this.#shapes)
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
    this.#waiting.add(query)
  }

  forget(query: Query): void {
    this.#waiting.delete(query)
  }

  request(): void {
    if (this.#isStopped) return
    this.#isRequested = true
    this.#running ??= this.#run()
  }

  /** Every query that is dirty since `tick` or before is refreshed without regard to its window. */
  force(tick: number): void {
    this.#waiting.force(tick)
    // Where every connection is taken, the next one that is free asks again.
    if (this.#tick < tick || this.#waiting.due(Infinity, this.#options.clock.now()).length > 0) this.request()
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
        // The next session may be there already, and have asked for a tick.
        if (this.#options.session() === session) break
      } finally {
        this.#options.onProgress()
      }
    }
    this.#running = undefined
    this.#arm()
  }

  async #runTick(session: TickSession): Promise<void> {
    const tick = ++this.#tick
    if (!session.isDirect) this.#prepared.distrust()
    const { transaction, batch } = await this.#read(session)
    try {
      await transaction.begin()
      await this.#options.route(batch, tick, transaction.client)
      await this.#refreshDue(tick, transaction, session, `${session.origin}.${batch.snapshot}`)
      await transaction.commit()
    } catch (error) {
      transaction.discard(error)
      throw error
    } finally {
      // One that was lent is its refresh's.
      if (transaction.pooled) this.#clients.delete(transaction.pooled)
    }
  }

  /** On an idle connection of the pool where there is one, because the refresh can go on there. */
  async #read(session: TickSession): Promise<{ readonly transaction: TickTransaction; readonly batch: Batch }> {
    const client = await this.#idleClient(session)
    if (client) {
      const transaction = TickTransaction.onPool(client)
      this.#clients.add(client)
      try {
        return { transaction, batch: await this.#readIn(transaction, session) }
      } catch (error) {
        // The source has not gone on: the reader has the whole batch.
        transaction.discard(error)
        this.#clients.delete(client)
        if (sqlState(error) !== undefined) this.#unfitIn = session
        else if (!isConnectionError(error)) throw error
      }
    }
    const transaction = TickTransaction.onReader(session.reader)
    return { transaction, batch: await this.#readIn(transaction, session) }
  }

  /** Answered by any server that is there: silence means that the connection is dead. */
  async #readIn(transaction: TickTransaction, { abandon }: TickSession): Promise<Batch> {
    const { clock, source } = this.#options
    const end = startDeadline(clock, ANSWER_MS, () => {
      transaction.destroy()
      abandon(new Error(`the server did not answer within ${ANSWER_MS} ms`))
    })
    void transaction.answered.then(end)
    try {
      return await source().read(transaction.client)
    } finally {
      end()
    }
  }

  async #idleClient(session: TickSession): Promise<PoolClient | undefined> {
    const { pool, clock, isPooled, source } = this.#options
    // What is written in a lent transaction would be undone with what the tick has set.
    if (isPooled || !session.isDirect || this.#unfitIn === session || source().writesNext()) return undefined
    if (!(pool.idleCount > 0) || pool.waitingCount > 0 || this.#lanes.free(false) === 0) return undefined
    return checkOut(pool, clock, IDLE_MS).catch(() => undefined)
  }

  /** Resolves when the tick's transaction is not needed any more, and brief work is done. */
  async #refreshDue(
    tick: number,
    transaction: TickTransaction,
    session: TickSession,
    token: SnapshotToken,
  ): Promise<void> {
    const groups = this.#waiting.groups(tick, this.#options.clock.now())
    if (groups.length === 0) return
    const isSpread = groups.reduce((sum, { lanes }) => sum + lanes, 0) > 1
    // Before jobs are begun, which must end.
    const id = isSpread || !transaction.isLendable ? await transaction.exportSnapshot() : undefined
    const client = transaction.lend()
    const imported = deferred<void>()
    const imports: Promise<void>[] = []
    const exported: TickSnapshot | undefined = id === undefined ? undefined : { kind: 'exported', id, token }
    let first: TickSnapshot | undefined = client && {
      kind: 'lent',
      client,
      token,
      imported: exported && imported.promise,
    }
    const isOver = () => this.#isStopped || this.#options.session() !== session
    for (const group of groups) {
      imports.push(...this.#refresh(group, tick, { token, first, exported, isOver }))
      first = undefined
    }
    await Promise.all(imports)
    imported.resolve()
  }

  /**
   * Resolves for each connection when it does not need the tick any more. Begun jobs must end: nothing may fail between
   * taking them and handing them to workers.
   */
  #refresh({ isApart, queries, lanes }: Group<Query>, tick: number, snapshots: TickSnapshots): Promise<void>[] {
    const jobs = queries.map((query) => {
      this.#waiting.delete(query)
      const { changes } = query.schedule
      return { query, changes, reasons: query.schedule.begin(tick) }
    })
    const { clock } = this.#options
    const work = new Work(jobs, this.#shapes, isApart, () => clock.now())
    const started = Array.from({ length: lanes }, (_, index) =>
      this.#startWorker(work, (index === 0 && snapshots.first) || snapshots.exported!, isApart, snapshots.isOver),
    )
    const ended = started.map((worker) => worker.ended)
    this.#track(ended, work, queries, snapshots)
    return started.map(({ handedOver }) => handedOver)
  }

  #startWorker(work: Work<Query>, snapshot: TickSnapshot, isApart: boolean, isOver: () => boolean) {
    const { pool, statementTimeoutMs, clock } = this.#options
    const options = {
      pool,
      statementTimeoutMs,
      clock,
      prepared: this.#prepared,
      isStopped: () => this.#isStopped,
      isOver,
      clients: this.#clients,
    }
    this.#lanes.take(isApart)
    const handedOver = deferred<void>()
    const ended = refresh(work, snapshot, isApart, options, handedOver.resolve).finally(() => {
      this.#lanes.release(isApart)
      this.#progress()
    })
    return { handedOver: handedOver.promise, ended }
  }

  #track(
    workers: readonly Promise<Failure | undefined>[],
    work: Work<Query>,
    queries: readonly Query[],
    { token, isOver }: TickSnapshots,
  ): void {
    const tracked = Promise.all(workers).then((failures) => {
      // What no worker came to: the pool gave no connection, or the engine stops.
      const failure = failures.find((one) => one !== undefined)
      for (const job of work.drain()) leave(job, failure, token, isOver())
      for (const query of queries) if (query.schedule.isDirty && !query.isClosed) this.#waiting.add(query)
      this.#refreshes.delete(tracked)
      this.#progress()
    })
    this.#refreshes.add(tracked)
  }

  #progress(): void {
    this.#arm()
    this.#options.onProgress()
  }

  /** Sleeps until the next window ends; without a session, until a tick is requested in the next one. */
  #arm(): void {
    if (this.#isStopped || this.#running) return
    const { clock } = this.#options
    clock.clearTimeout(this.#timer)
    this.#timer = undefined
    if (!this.#options.session()) return
    const next = this.#waiting.nextAt()
    if (next === Infinity) return
    this.#timer = clock.setTimeout(() => this.request(), Math.max(0, next - clock.now()))
  }
}
