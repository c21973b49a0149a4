/**
 * A connection of the pool in a transaction on the tick's snapshot, for one scope after the other:
 *
 *   BEGIN; SET TRANSACTION SNAPSHOT ─┬─► SAVEPOINT ─► (ROLLBACK TO SAVEPOINT; scope's settings and role; statements)…
 *   the tick's own transaction      ─┘                 ─► COMMIT, with the last statements where they are known to be the last
 *
 * What must hold: nothing of one scope reaches the next, and nothing that a query's own functions have set reaches another
 * query, or the application. Going back to the savepoint undoes settings and role, and what a failed statement left, as the
 * end of a transaction would; a transaction in which functions may have set something is rolled back.
 */
import type { PoolClient } from 'pg'
import type { Scope } from '../live/contract.js'
import type { Clock } from '../util/clock.js'
import { startDeadline } from '../util/deadline.js'
import { destroyConnection } from '../util/pool.js'
import { isConnectionError } from '../util/postgres.js'
import { beginOnSnapshot, runQuery, runStatements, scopeStatements, type TextResult } from './run-query.js'

/** Also of the tick's own transaction, when a lane goes on in it. */
export const SAVEPOINT = 'pg_realtime_scope'
const GRACE_MS = 5_000

/** Statements of one scope. */
export interface Part {
  readonly scope: Scope
  readonly scopeKey: string
  readonly statements: readonly string[]
  readonly shape: Traces
}

interface Traces {
  /** Whether a statement may leave settings or a role behind, for whatever runs next in the same scope. */
  readonly leavesTraces: boolean
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
  #isCommitted = false
  #hasTraces = false

  constructor(client: PoolClient, clock: Clock, timeoutMs: number) {
    this.client = client
    this.#clock = clock
    this.timeoutMs = timeoutMs
  }

  /** Begins the transaction; its first statements may be sent in the same message, or all that there are. */
  async begin(snapshotId: string, statements: readonly string[] = [], areAll = false): Promise<TextResult[]> {
    const opening = [...beginOnSnapshot(snapshotId), ...this.#limits(areAll)]
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

  /** Nothing is left to do after `sendLast`. */
  async commit(statements: readonly string[]): Promise<void> {
    if (this.#isCommitted || this.#unbegun?.kind === 'import') return
    const reset = statements.length > 0 ? [`ROLLBACK TO SAVEPOINT ${SAVEPOINT}`] : []
    await this.#run(1, () => runStatements(this.client, [...reset, ...statements, this.#end]))
  }

  get #end(): string {
    return this.#hasTraces ? 'ROLLBACK' : 'COMMIT'
  }

  get isCommitted(): boolean {
    return this.#isCommitted
  }

  /** Sends all parts in one message. Returns the results of their statements; one that fails fails them all. */
  send(parts: readonly Part[]): Promise<TextResult[]> {
    return this.#sendParts(parts, false)
  }

  /** The same, and ends the transaction in the same message. After a failure it is as open as after another one. */
  async sendLast(parts: readonly Part[]): Promise<TextResult[]> {
    const results = await this.#sendParts(parts, true)
    this.#isCommitted = true
    return results
  }

  async #sendParts(parts: readonly Part[], areLast: boolean): Promise<TextResult[]> {
    const statements: string[] = []
    const wanted: number[] = []
    let scopeKey = this.#scopeKey
    for (const part of parts) {
      const { leavesTraces } = part.shape
      this.#hasTraces ||= leavesTraces
      if (part.scopeKey !== scopeKey) statements.push(...switchTo(part.scope))
      scopeKey = part.scopeKey
      for (const [index, statement] of part.statements.entries()) {
        if (leavesTraces && index > 0) statements.push(...switchTo(part.scope))
        wanted.push(statements.push(statement) - 1)
      }
      if (leavesTraces && part.statements.length > 0) scopeKey = undefined
    }
    const areAll = areLast && wanted.length === statements.length
    if (areLast) statements.push(this.#end)
    this.#scopeKey = undefined
    const results = await this.#send(statements, areAll)
    this.#scopeKey = scopeKey
    return wanted.map((index) => results[index]!)
  }

  /** `areAll`: of one scope, in one message that ends the transaction. */
  #send(statements: readonly string[], areAll: boolean): Promise<TextResult[]> {
    const unbegun = this.#unbegun
    this.#unbegun = undefined
    if (unbegun?.kind === 'import') return this.begin(unbegun.snapshotId, statements, areAll)
    if (unbegun?.kind === 'go on') return this.#goOn(statements, areAll)
    return this.#run(statements.length, () => runStatements(this.client, statements))
  }

  /**
   * Undoes what the tick has set, and lets go of its locks. Of a message that cannot be parsed no statement runs: after a
   * failure the next one begins so again.
   */
  async #goOn(statements: readonly string[], areAll: boolean): Promise<TextResult[]> {
    const opening = [`ROLLBACK TO SAVEPOINT ${SAVEPOINT}`, ...this.#limits(areAll)]
    this.#unbegun = { kind: 'go on' }
    const results = await this.#run(1 + statements.length, () =>
      runStatements(this.client, [...opening, ...statements]),
    )
    this.#unbegun = undefined
    return results.slice(opening.length)
  }

  /** A message that ends the transaction leaves it idle at no time, and where it stays in one scope it goes back to none. */
  #limits(areAll: boolean): readonly string[] {
    const statement = `SET LOCAL statement_timeout = ${Math.trunc(this.timeoutMs)}`
    return areAll
      ? [statement]
      : [statement, 'SET LOCAL idle_in_transaction_session_timeout = 0', `SAVEPOINT ${SAVEPOINT}`]
  }

  /** Runs one query with its parameters as `pg` sends them. */
  async query(part: Omit<Part, 'statements'>, sql: string, parameters: readonly unknown[]): Promise<TextResult> {
    const { scopeKey, shape } = part
    if (scopeKey !== this.#scopeKey || this.#unbegun !== undefined) await this.send([{ ...part, statements: [] }])
    this.#scopeKey = undefined
    this.#hasTraces ||= shape.leavesTraces
    const result = await this.#run(1, () => runQuery(this.client, sql, parameters))
    if (!shape.leavesTraces) this.#scopeKey = scopeKey
    return result
  }

  /** The server ends a statement that takes too long; this ends one whose server does not answer any more. */
  async #run<Result>(statements: number, run: () => Promise<Result>): Promise<Result> {
    const longestMs = statements * this.timeoutMs + GRACE_MS
    const end = startDeadline(this.#clock, longestMs, () => destroyConnection(this.client))
    try {
      return await run()
    } finally {
      end()
    }
  }
}

function switchTo(scope: Scope): string[] {
  return [`ROLLBACK TO SAVEPOINT ${SAVEPOINT}`, ...scopeStatements(scope)]
}
