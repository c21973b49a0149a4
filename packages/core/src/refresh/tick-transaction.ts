import type { Client, ClientBase, QueryResult } from 'pg'
import { backendOf } from '../util/pool.js'

const BEGIN = 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT pg_catalog.pg_export_snapshot() AS id'

/**
 * The transaction of one tick, which begins with its first query: where that is plain text, in the same message. To its
 * users it is a client; the snapshot is exported on the way, though not every tick needs it.
 */
export class TickTransaction {
  readonly #reader: Client
  readonly #onAnswer: () => void
  #snapshotId: string | undefined
  #isBegun = false

  /** `onAnswer` is called once the server has answered. */
  constructor(reader: Client, onAnswer: () => void) {
    this.#reader = reader
    this.#onAnswer = onAnswer
  }

  /** For users that know a client only, and which backend serves it. */
  get client(): ClientBase {
    return { query: this.query, processID: backendOf(this.#reader) } as unknown as ClientBase
  }

  /** Begins, if no query has. Returns the identifier of the exported snapshot. */
  async open(): Promise<string> {
    if (this.#snapshotId === undefined) await this.query('SELECT 1')
    return this.#snapshotId!
  }

  /** Accepts what `pg` does, promises only. */
  readonly query = async (query: string | object, values?: unknown[]): Promise<unknown> => {
    const isPlain = typeof query === 'string' && values === undefined
    if (this.#isBegun) return this.#reader.query(query as string, values)
    this.#isBegun = true
    const opening = this.#reader.query(isPlain ? `${BEGIN}; ${query}` : BEGIN)
    const results = (await opening.finally(this.#onAnswer)) as unknown as readonly QueryResult[]
    this.#snapshotId = (results[1]!.rows[0] as { id: string }).id
    return isPlain ? results.at(-1) : this.#reader.query(query as string, values)
  }

  async commit(): Promise<void> {
    if (this.#isBegun) await this.#reader.query('COMMIT')
  }
}
