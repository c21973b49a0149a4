/**
 * The transaction of one tick. Its snapshot is every refresh's, in one of two ways:
 *
 *   on the engine's reader   BEGIN; export ─► log, questions ─► refreshes import the snapshot ─► COMMIT
 *   on an idle connection    BEGIN; SAVEPOINT ─► log, questions ─► lent to a refresh, which goes on in it ─► COMMIT
 *   of the pool                                                     └─ exported only where several refresh
 *
 * The second is the shorter one: for a single live query, exporting and importing take longer than everything else.
 */
import type { Client, ClientBase, PoolClient, QueryConfig, QueryResult } from 'pg'
import { OWN_TYPES } from '../util/own-types.js'
import { deferred } from '../util/deferred.js'
import { backendOf, checkIn, destroyConnection } from '../util/pool.js'
import { SAVEPOINT } from './lane.js'
import { RAW_TYPES, type TextResult } from './run-query.js'

const BEGIN = 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY'
const EXPORT = 'SELECT pg_catalog.pg_export_snapshot() AS id'

/**
 * A connection for the engine's own queries, which reads types as they expect, whatever parsers the application has
 * chosen. To its users it is a client, and the same one as long as the connection lives.
 */
export class TickClient {
  readonly connection: Client | PoolClient
  readonly #isOwn: boolean
  #opening: Opening | undefined

  constructor(connection: Client | PoolClient, isOwn: boolean) {
    this.connection = connection
    this.#isOwn = isOwn
  }

  get processID(): number {
    return backendOf(this.connection)
  }

  /** The next query takes these statements along, in the same message where it is plain text. */
  openWith(opening: Opening): void {
    this.#opening = opening
  }

  /** Accepts what `pg` does, promises only. */
  async query(query: string | object, values?: unknown[]): Promise<unknown> {
    const opening = this.#opening
    if (!opening) return this.#send(query, values)
    this.#opening = undefined
    const plain = plainText(query, values)
    const { statements, ahead } = opening
    const text = [...statements, ...(plain === undefined ? [] : [plain]), ...(ahead?.statements ?? [])].join('; ')
    const config = plain !== undefined && typeof query === 'object' ? query : {}
    const message = { ...config, text, ...(ahead && { rowMode: 'array', types: RAW_TYPES }) }
    const results = (await this.#send(message).finally(opening.onAnswer)) as readonly QueryResult[]
    const end = results.length - (ahead?.statements.length ?? 0)
    opening.onResults(results)
    ahead?.answered(results.slice(end))
    if (plain === undefined) return this.#send(query, values)
    const own = results.slice(statements.length, end)
    return own.length === 1 ? own[0] : own
  }

  #send(query: string | object, values?: unknown[]): Promise<unknown> {
    const config = typeof query === 'string' ? { text: query, ...(values && { values }) } : { ...query }
    const typed = this.#isOwn ? config : { types: OWN_TYPES, ...config }
    return this.connection.query(typed as QueryConfig)
  }
}

/** Its text, where nothing but text is sent, so that it can follow other statements. */
function plainText(query: string | object, values: unknown): string | undefined {
  if (values !== undefined) return undefined
  if (typeof query === 'string') return query
  const { text, values: own, name } = query as { text?: string; values?: unknown; name?: unknown }
  return own === undefined && name === undefined ? text : undefined
}

/** Statements that go along with the first query, after it, and leave the transaction as it was. */
interface Companions {
  readonly statements: readonly string[]
  answered(results: readonly TextResult[]): void
}

interface Opening {
  readonly statements: readonly string[]
  readonly ahead: Companions | undefined
  /** The server has answered, or the connection is lost. */
  readonly onAnswer: () => void
  readonly onResults: (results: readonly QueryResult[]) => void
}

const clients = new WeakMap<object, TickClient>()

export class TickTransaction {
  readonly #connection: Client | PoolClient
  readonly #isPools: boolean
  readonly #tickClient: TickClient
  #snapshotId: string | undefined
  #state: 'unbegun' | 'begun' | 'lent' = 'unbegun'
  readonly #answered = deferred<void>()

  /** Begins with its first query. */
  static onReader(reader: Client): TickTransaction {
    return new TickTransaction(reader, false)
  }

  /** `ahead`: the first query's rows are read as text then. */
  static onPool(client: PoolClient, ahead?: Companions): TickTransaction {
    return new TickTransaction(client, true, ahead)
  }

  private constructor(connection: Client | PoolClient, isPools: boolean, ahead?: Companions) {
    this.#connection = connection
    this.#isPools = isPools
    this.#tickClient = clients.get(connection) ?? new TickClient(connection, !isPools)
    clients.set(connection, this.#tickClient)
    this.#tickClient.openWith({
      statements: [BEGIN, isPools ? `SAVEPOINT ${SAVEPOINT}` : EXPORT],
      ahead,
      onAnswer: this.#answered.resolve,
      onResults: ([, second]) => {
        this.#state = 'begun'
        if (!isPools) this.#snapshotId = idOf(second)
      },
    })
  }

  /** For users that know a client only. */
  get client(): ClientBase {
    return this.#tickClient as unknown as ClientBase
  }

  /** The server has answered the first query, or the connection is lost. */
  get answered(): Promise<void> {
    return this.#answered.promise
  }

  /** The connection, where it is the pool's, until it is lent. */
  get pooled(): PoolClient | undefined {
    return this.#isPools && this.#state !== 'lent' ? (this.#connection as PoolClient) : undefined
  }

  /** Begins, if no query has. */
  async begin(): Promise<void> {
    if (this.#state === 'unbegun') await this.#tickClient.query('SELECT 1')
  }

  /** Whether a refresh may go on in it. */
  get isLendable(): boolean {
    return this.#isPools && this.#state === 'begun'
  }

  /** The connection, in the transaction, for a refresh that will commit it and give it back to the pool. */
  lend(): PoolClient | undefined {
    if (!this.isLendable) return undefined
    this.#state = 'lent'
    return this.#connection as PoolClient
  }

  /** The identifier with which other transactions import the snapshot while this one is open. */
  async exportSnapshot(): Promise<string> {
    if (this.#snapshotId === undefined) {
      // Not from within a subtransaction.
      const results = (await this.#tickClient.query(
        `ROLLBACK TO SAVEPOINT ${SAVEPOINT}; RELEASE SAVEPOINT ${SAVEPOINT}; ${EXPORT}; SAVEPOINT ${SAVEPOINT}`,
      )) as readonly QueryResult[]
      this.#snapshotId = idOf(results[2])
    }
    return this.#snapshotId
  }

  /** Ends it, unless it was lent. */
  async commit(): Promise<void> {
    if (this.#state === 'lent') return
    if (this.#state === 'begun') await this.#tickClient.query('COMMIT')
    if (this.pooled) checkIn(this.pooled)
  }

  /** Ends a connection whose server does not answer. */
  destroy(): void {
    destroyConnection(this.#connection)
  }

  /** After an error, unless it was lent: the pool gets another connection. */
  discard(error: unknown): void {
    if (this.pooled) checkIn(this.pooled, error)
  }
}

function idOf(result: QueryResult | undefined): string {
  // A row is a list where the query that it was sent along with asks for lists.
  return Object.values(result!.rows[0] as object)[0] as string
}
