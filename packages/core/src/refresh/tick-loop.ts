/**
 * One tick: look at the change log, route, refresh what is due, all on one snapshot (see `TickTransaction`).
 *
 *   request ─► BEGIN ─► read batch ─► route (mark dirty) ─► hand the snapshot to refreshes, which run on and deliver
 *
 * Ticks never overlap; the refreshes that they start may outlive them. A tick is requested by the change source, by a
 * new live query, by a throttle window that ends, and by a barrier.
 */
import type { ClientBase, Pool, PoolClient } from 'pg'
import type { Batch, SnapshotToken } from '../change.js'
import type { ChangeSource } from '../capture/contract.js'
import type { RefreshReason } from '../live/contract.js'
import type { RoutedChange } from '../route/contract.js'
import type { Clock } from '../util/clock.js'
import { deferred } from '../util/deferred.js'
import { BatchReader, type TickSession } from './batch-reader.js'
import type { Refreshable } from './contract.js'
import { Foresight, type Ahead, type Guess } from './foresight.js'
import { Lanes } from './lanes.js'
import { PreparedStatements } from './prepared.js'
import { Shapes } from './shape.js'
import { Work } from './work.js'
import type { TickTransaction } from './tick-transaction.js'
import { Waiting, type Group } from './waiting.js'
import { afterDelivery, deliver, leave, parserOf, refresh, type Failure, type TickSnapshot } from './worker.js'

/** Ahead of more, nothing is guessed. */
const MOST_WAITING = 64

interface TickSnapshots {
  readonly token: SnapshotToken
  /** For the first connection. */
  readonly first: TickSnapshot | undefined
  /** For all others. */
  readonly exported: TickSnapshot | undefined
  /** The tick's session is lost, or the engine stops. */
  readonly isOver: () => boolean
}

/** What is measured or guessed, for tests to fix. */
export interface Tuning {
  /** How instances of one shape are refreshed. */
  readonly shapes?: Shapes | undefined
  /** Which of them are sent along with the reading of the log. */
  readonly guess?: Guess | undefined
}

export interface TickLoopOptions extends Tuning {
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
  readonly #foresight: Foresight<Query>
  readonly #reader: BatchReader<Query>
  #tick = 0
  #completed = 0
  #isRequested = false
  #running: Promise<void> | undefined
  #timer: unknown
  #isStopped = false

  constructor(options: TickLoopOptions) {
    this.#options = options
    this.#lanes = new Lanes(options.maxConnections)
    this.#shapes = options.shapes ?? new Shapes()
    this.#prepared = new PreparedStatements(options.isPooled)
    this.#waiting = new Waiting(this.#lanes, this.#shapes)
    this.#foresight = new Foresight(this.#shapes, options.statementTimeoutMs, options.guess)
    this.#reader = new BatchReader<Query>({
      pool: options.pool,
      clock: options.clock,
      source: options.source,
      isPooled: options.isPooled,
      hasLane: () => this.#lanes.free(false) > 0,
      clients: this.#clients,
      lookAhead: (client) => this.#lookAhead(client),
      foresight: this.#foresight,
    })
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
    const { transaction, batch, ahead } = await this.#reader.read(session)
    const token = `${session.origin}.${batch.snapshot}`
    try {
      await transaction.begin()
      await this.#options.route(batch, tick, transaction.client)
      const { pooled } = transaction
      const answered = ahead && pooled ? this.#showAnswered(ahead, tick, pooled, token) : []
      const refreshed = await this.#refreshDue(tick, transaction, session, token)
      this.#foresight.saw([...answered, ...refreshed], ahead)
      if (answered.length > 0) await afterDelivery()
      await transaction.commit()
    } catch (error) {
      transaction.discard(error)
      throw error
    } finally {
      // One that was lent is its refresh's.
      if (transaction.pooled) this.#clients.delete(transaction.pooled)
    }
  }

  #lookAhead(client: PoolClient): Ahead<Query> | undefined {
    // Many are better refreshed together.
    if (this.#waiting.size > MOST_WAITING) return undefined
    const now = this.#options.clock.now()
    return this.#foresight.look(this.#waiting.due(this.#tick, now), this.#prepared.on(client), now)
  }

  /** Of what was sent along with the reading, what is due now. */
  #showAnswered(ahead: Ahead<Query>, tick: number, client: PoolClient, token: SnapshotToken): readonly Query[] {
    const answers = ahead.take(this.#waiting.due(tick, this.#options.clock.now()), tick)
    const queries = answers.map(({ item }) => item.query)
    for (const query of queries) this.#waiting.delete(query)
    for (const answer of answers) {
      const delivered = deliver(answer, { token, parser: parserOf(client) })
      // Plugins of the application may take their time: the tick does not wait for them.
      if (delivered) this.#trackDelivery(delivered, answer.item.query)
      else this.#keepDirty(answer.item.query)
    }
    return queries
  }

  #trackDelivery(delivered: Promise<void>, query: Query): void {
    const tracked = delivered.then(() => {
      this.#keepDirty(query)
      this.#refreshes.delete(tracked)
      this.#progress()
    })
    this.#refreshes.add(tracked)
  }

  #keepDirty(query: Query): void {
    if (query.schedule.isDirty && !query.isClosed) this.#waiting.add(query)
  }

  /** Resolves when the tick's transaction is not needed any more, and brief work is done. */
  async #refreshDue(
    tick: number,
    transaction: TickTransaction,
    session: TickSession,
    token: SnapshotToken,
  ): Promise<readonly Query[]> {
    const groups = this.#waiting.groups(tick, this.#options.clock.now())
    if (groups.length === 0) return []
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
    return groups.flatMap(({ queries }) => queries)
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
      for (const query of queries) this.#keepDirty(query)
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
