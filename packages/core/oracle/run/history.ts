import type pg from 'pg'
import { parseSnapshot } from '../../src/snapshot/token.js'
import type { QueryCase } from '../case.js'
import { runFresh, type Fresh } from './fresh.js'
import type { Seen } from './probe.js'
import { describeDifference, sameRows } from './values.js'

/**
 * What each query returned after each commit of a round, so that every delivered result can be compared with the
 * truth at the snapshot that it names. Needs commits one at a time, and no TRUNCATE, which older snapshots see too.
 */
export class History {
  readonly #reader: pg.Client
  readonly #queries: readonly QueryCase[]
  readonly #transactions: bigint[] = []
  readonly #states: ReadonlyMap<string, Fresh>[] = []

  constructor(reader: pg.Client, queries: readonly QueryCase[]) {
    this.#reader = reader
    this.#queries = queries
  }

  async begin(): Promise<void> {
    this.#states.push((await runFresh(this.#reader, this.#queries)).results)
  }

  async committed(transaction: bigint): Promise<void> {
    this.#transactions.push(transaction)
    await this.begin()
  }

  /** Says how a delivered result differs from the query's result at its snapshot. */
  check(query: QueryCase, seen: Seen): string | undefined {
    const state = this.#stateAt(seen.snapshot)?.get(query.id)
    if (state?.kind !== 'rows' || sameRows(state.texts, seen.texts, query.compare.ordered)) return undefined
    return `at snapshot ${seen.snapshot}: ${describeDifference(state.texts, seen.texts)}`
  }

  #stateAt(token: string): ReadonlyMap<string, Fresh> | undefined {
    const snapshot = parseSnapshot(token)
    if (!snapshot) return undefined
    const sees = (id: bigint) => id < snapshot.xmin || (id < snapshot.xmax && !snapshot.xip.has(id))
    const seen = this.#transactions.findIndex((transaction) => !sees(transaction))
    const count = seen < 0 ? this.#transactions.length : seen
    // A commit that is seen without the one before it would not be a state that ever was.
    return this.#transactions.slice(count).some(sees) ? undefined : this.#states[count]
  }
}
