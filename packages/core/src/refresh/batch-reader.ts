import type { Client, Pool, PoolClient } from 'pg'
import type { ChangeSource } from '../capture/contract.js'
import type { Batch } from '../change.js'
import type { Clock } from '../util/clock.js'
import { startDeadline } from '../util/deadline.js'
import { checkOut } from '../util/pool.js'
import { isConnectionError, sqlState } from '../util/postgres.js'
import type { Refreshable } from './contract.js'
import type { Ahead, Foresight } from './foresight.js'
import { TickTransaction } from './tick-transaction.js'

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

/** What was read, in a transaction that is still open. */
export interface Reading<Query extends Refreshable> {
  readonly transaction: TickTransaction
  readonly batch: Batch
  /** What was sent along. */
  readonly ahead: Ahead<Query> | undefined
}

export interface BatchReaderOptions<Query extends Refreshable> {
  readonly pool: Pool
  readonly clock: Clock
  readonly source: () => ChangeSource
  /** The pool's connections are a pooler's. */
  readonly isPooled: boolean
  /** Whether a refresh may take a connection of the pool. */
  readonly hasLane: () => boolean
  /** Connections that are in use, so that they can be interrupted. */
  readonly clients: Set<PoolClient>
  /** What to send along with the reading on this connection. */
  readonly lookAhead: (client: PoolClient) => Ahead<Query> | undefined
  readonly foresight: Pick<Foresight<Query>, 'tookAlone' | 'wasWrong'>
}

/** Begins the transaction of each tick, and reads the batch in it. */
export class BatchReader<Query extends Refreshable> {
  readonly #options: BatchReaderOptions<Query>
  /** The session in which a connection of the pool could not read the log: its role may not, or a limit of it is short. */
  #unfitIn: TickSession | undefined

  constructor(options: BatchReaderOptions<Query>) {
    this.#options = options
  }

  /** On an idle connection of the pool where there is one, because the refresh can go on there. */
  async read(session: TickSession): Promise<Reading<Query>> {
    const { clients, lookAhead, foresight } = this.#options
    const client = await this.#idleClient(session)
    if (client) {
      const ahead = lookAhead(client)
      const transaction = TickTransaction.onPool(client, ahead)
      clients.add(client)
      const startedAt = performance.now()
      try {
        const batch = await this.#readIn(transaction, session)
        if (!ahead) foresight.tookAlone(performance.now() - startedAt)
        return { transaction, batch, ahead }
      } catch (error) {
        // The source has not gone on: the reader has the whole batch.
        transaction.discard(error)
        clients.delete(client)
        if (sqlState(error) === undefined) {
          if (!isConnectionError(error)) throw error
        } else if (ahead) foresight.wasWrong()
        else this.#unfitIn = session
      }
    }
    const transaction = TickTransaction.onReader(session.reader)
    return { transaction, batch: await this.#readIn(transaction, session), ahead: undefined }
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
    const { pool, clock, isPooled, source, hasLane } = this.#options
    // What is written in a lent transaction would be undone with what the tick has set.
    if (isPooled || !session.isDirect || this.#unfitIn === session || source().writesNext()) return undefined
    if (!(pool.idleCount > 0) || pool.waitingCount > 0 || !hasLane()) return undefined
    return checkOut(pool, clock, IDLE_MS).catch(() => undefined)
  }
}
