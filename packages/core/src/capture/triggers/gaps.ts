import { covers, hasEnded, type PgSnapshot } from '../pg-snapshot.js'

/**
 * Remembers when changes may have gone missing, until a batch has said so that is late enough.
 *
 * Something went wrong at a moment that is known only as "before snapshot `by` was taken". Whatever was committed by
 * then is repaired by refreshing everything at a snapshot that covers `by`. A transaction that was still open may have
 * written unseen, and commits later: it is a **suspect**, and the batch in which it has ended is a gap too.
 */
export class Gaps {
  #pending: { readonly reason: string; readonly by: PgSnapshot }[] = []
  readonly #suspects = new Map<bigint, string>()

  /** `suspects`: transactions, open in `by`, that may have written unseen. */
  add(reason: string, by: PgSnapshot, suspects: Iterable<bigint> = []): void {
    this.#pending.push({ reason, by })
    for (const transaction of suspects) this.#suspects.set(transaction, reason)
  }

  /** Why the batch of this snapshot is a gap, if it is. Forgets what the batch repairs. */
  settle(snapshot: PgSnapshot): string | undefined {
    const reason = this.#pending[0]?.reason
    this.#pending = this.#pending.filter(({ by }) => !covers(snapshot, by))
    let ended: string | undefined
    for (const [transaction, because] of this.#suspects) {
      if (!hasEnded(snapshot, transaction)) continue
      this.#suspects.delete(transaction)
      ended = `transaction ${transaction} has ended, and may have written unseen: ${because}`
    }
    return reason ?? ended
  }

  /** Whether some batch to come will be a gap on account of what is known now. */
  get open(): boolean {
    return this.#pending.length > 0 || this.#suspects.size > 0
  }

  clear(): void {
    this.#pending = []
    this.#suspects.clear()
  }
}
