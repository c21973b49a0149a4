/**
 * A connection of the pool in a transaction on the tick's snapshot, for one scope after the other:
 *
 *   BEGIN; SET TRANSACTION SNAPSHOT ─┬─► SAVEPOINT ─► (ROLLBACK TO SAVEPOINT; scope's settings and role; statements)…
 *   the tick's own transaction      ─┘                 ─► COMMIT
 *
 * What must hold: nothing of one scope reaches the next. Going back to the savepoint undoes settings and role, and what
 * a failed statement left, as the end of a transaction would.
 */
import type { PoolClient } from 'pg'
import type { Scope } from '../live/contract.js'
import type { Clock } from '../util/clock.js'
import { destroyConnection } from '../util/pool.js'
import { isConnectionError } from '../util/postgres.js'
import { beginOnSnapshot, limits, runQuery, runStatements, scopeStatements, type TextResult } from './run-query.js'

/** Also of the tick's own transaction, when a lane goes on in it. */
export const SAVEPOINT = 'pg_realtime_scope'
const GRACE_MS = 5_000

/** Statements of one scope. */
export interface Part {
  readonly scope: Scope
  readonly scopeKey: string
  readonly statements: readonly string[]
}

/** No transaction could begin on the snapshot: that says nothing about the statements. */
export class BeginError extends Error {
  constructor(cause: unknown) {
    super('The transaction could not begin.', { cause })
  }
}

export class Lane {
  readonly client: PoolClient
  readonly #clock: Clock
  /** How long one statement may take. */
  readonly timeoutMs: number
  /** The scope that is in force; undefined where it is not known after an error. */
  #scopeKey: string | undefined = ''
  /** What the first message does to begin. */
  #unbegun: { readonly kind: 'import'; readonly snapshotId: string } | { readonly kind: 'go on' } | undefined

  constructor(client: PoolClient, clock: Clock, timeoutMs: number) {
    this.client = client
    this.#clock = clock
    this.timeoutMs = timeoutMs
  }

  /** Begins the transaction; its first statements may be sent in the same message. */
  async begin(snapshotId: string, statements: readonly string[] = []): Promise<TextResult[]> {
    const opening = [...beginOnSnapshot(snapshotId, this.timeoutMs), `SAVEPOINT ${SAVEPOINT}`]
    try {
      const results = await this.#run(1 + statements.length, () =>
        runStatements(this.client, [...opening, ...statements]),
      )
      return results.slice(opening.length)
    } catch (error) {
      if (isConnectionError(error)) throw error
      await this.#run(1, () => runStatements(this.client, ['ROLLBACK']))
      if (statements.length === 0) throw new BeginError(error)
      // Whichever of them failed: with an open transaction, that is the statements' own affair.
      await this.begin(snapshotId)
      throw error
    }
  }

  /** Leaves it to the first message to begin. */
  beginLater(snapshotId: string): void {
    this.#unbegun = { kind: 'import', snapshotId }
  }

  /** The connection is in the tick's own transaction, and stays in it. */
  goOn(): void {
    this.#unbegun = { kind: 'go on' }
  }

  async commit(statements: readonly string[]): Promise<void> {
    if (this.#unbegun?.kind === 'import') return
    const reset = statements.length > 0 ? [`ROLLBACK TO SAVEPOINT ${SAVEPOINT}`] : []
    await this.#run(1, () => runStatements(this.client, [...reset, ...statements, 'COMMIT']))
  }

  /** Sends all parts in one message. Returns the results of their statements; one that fails fails them all. */
  async send(parts: readonly Part[]): Promise<TextResult[]> {
    const statements: string[] = []
    const wanted: number[] = []
    let scopeKey = this.#scopeKey
    for (const part of parts) {
      if (part.scopeKey !== scopeKey) statements.push(...switchTo(part.scope))
      scopeKey = part.scopeKey
      for (const statement of part.statements) wanted.push(statements.push(statement) - 1)
    }
    this.#scopeKey = undefined
    const results = await this.#send(statements)
    this.#scopeKey = scopeKey
    return wanted.map((index) => results[index]!)
  }

  #send(statements: readonly string[]): Promise<TextResult[]> {
    const unbegun = this.#unbegun
    this.#unbegun = undefined
    if (unbegun?.kind === 'import') return this.begin(unbegun.snapshotId, statements)
    if (unbegun?.kind === 'go on') return this.#goOn(statements)
    return this.#run(statements.length, () => runStatements(this.client, statements))
  }

  /**
   * Undoes what the tick has set, and lets go of its locks. Of a message that cannot be parsed no statement runs: after a
   * failure the next one begins so again.
   */
  async #goOn(statements: readonly string[]): Promise<TextResult[]> {
    const opening = [`ROLLBACK TO SAVEPOINT ${SAVEPOINT}`, ...limits(this.timeoutMs), `SAVEPOINT ${SAVEPOINT}`]
    this.#unbegun = { kind: 'go on' }
    const results = await this.#run(1 + statements.length, () =>
      runStatements(this.client, [...opening, ...statements]),
    )
    this.#unbegun = undefined
    return results.slice(opening.length)
  }

  /** Runs one query with its parameters as `pg` sends them. */
  async query(scope: Scope, scopeKey: string, sql: string, parameters: readonly unknown[]): Promise<TextResult> {
    if (scopeKey !== this.#scopeKey || this.#unbegun !== undefined) {
      await this.send([{ scope, scopeKey, statements: [] }])
    }
    this.#scopeKey = undefined
    const result = await this.#run(1, () => runQuery(this.client, sql, parameters))
    this.#scopeKey = scopeKey
    return result
  }

  /** The server ends a statement that takes too long; this ends one whose server does not answer any more. */
  async #run<Result>(statements: number, run: () => Promise<Result>): Promise<Result> {
    const deadline = this.#clock.setTimeout(
      () => destroyConnection(this.client),
      statements * this.timeoutMs + GRACE_MS,
    )
    try {
      return await run()
    } finally {
      this.#clock.clearTimeout(deadline)
    }
  }
}

function switchTo(scope: Scope): string[] {
  return [`ROLLBACK TO SAVEPOINT ${SAVEPOINT}`, ...scopeStatements(scope)]
}
