import type { ClientBase } from 'pg'
import type { PlanTable } from '../analyze/plan.js'
import type { Batch, RelationId } from '../change.js'
import type { RealtimeError } from '../errors.js'

/**
 * Where changes come from. The engine pulls: it opens a REPEATABLE READ READ ONLY transaction, whose snapshot is the
 * tick's, and asks for everything that became visible since the snapshot of its previous `read`.
 *
 * What must hold, and the conformance suite checks for every implementation:
 * - **Complete**: a change committed after `watch` resolved is in exactly one of the batches whose `read` began after that,
 *   unless it is visible in the snapshot of an earlier one; or a batch says `gap`.
 * - **Exact**: a batch holds no change that is invisible in its own snapshot, and none that was visible in the one before.
 * - **Woken**: after any commit to a watched table, `wake` is called within milliseconds while the doorbell works, and
 *   within the safety poll always.
 * - **Harmless**: a write never fails, and never waits, because of capture; what could not be captured becomes a gap.
 */
export interface ChangeSource {
  /**
   * Begins: from here on `wake` may be called. `control` is not in a transaction, and may LISTEN. It stays open until `stop`,
   * or is lost: what waits then, here or in `watch`, rejects soon, and what began ends with `stop` all the same.
   */
  start(control: ClientBase, signals: ChangeSourceSignals): Promise<void>
  /**
   * Captures these tables, installing what is missing. Resolves when every commit from then on is captured. `pause`-free
   * for the application: waits for locks only briefly, and retries.
   */
  watch(tables: readonly PlanTable[]): Promise<void>
  /**
   * The batch of this transaction's snapshot. The first one after `start` always has a gap. A connection is the same
   * object each time. Where it rejects, the next read has the same batch, and more.
   */
  read(transaction: ClientBase): Promise<Batch>
  /** Whether the next `read` writes something (a NOTIFY, say): its transaction must be committed as it is, and soon. */
  writesNext(): boolean
  /** Compares the database with what `watch` and `read` rely on, and repairs it. */
  audit(control: ClientBase): Promise<Audit>
  /**
   * Ends: `wake` is not called any more, and writers are told that nobody reads (unless another server does). Where nothing
   * was started, it does nothing.
   */
  stop(): Promise<void>
}

export interface Audit {
  /** What had drifted, in words. */
  readonly repaired: readonly string[]
  /** Relations that could not be repaired, and why: their changes are missed from now on, until `watch` or `audit` succeeds. */
  readonly broken: ReadonlyMap<RelationId, RealtimeError>
}

export interface ChangeSourceSignals {
  /** A read is worthwhile now. Cheap, and may be called at any time and any number of times. */
  readonly wake: () => void
  /** Something that no caller awaits went wrong; capture goes on. */
  readonly onError: (error: RealtimeError) => void
}
