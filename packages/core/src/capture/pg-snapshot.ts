/** PostgreSQL's `pg_snapshot`: which transactions' effects are visible. Written `xmin:xmax:xip,xip,…`. */
export interface PgSnapshot {
  readonly text: string
  /** Every transaction below has ended. */
  readonly xmin: bigint
  /** No transaction from here on is visible. */
  readonly xmax: bigint
  /** Those between that had not ended. */
  readonly inProgress: ReadonlySet<bigint>
}

export function parseSnapshot(text: string): PgSnapshot {
  const [xmin, xmax, inProgress] = text.split(':')
  if (xmin === undefined || xmax === undefined || inProgress === undefined)
    throw new Error(`not a pg_snapshot: ${text}`)
  const list = inProgress === '' ? [] : inProgress.split(',').map(BigInt)
  return { text, xmin: BigInt(xmin), xmax: BigInt(xmax), inProgress: new Set(list) }
}

/** Whether a transaction had ended when the snapshot was taken: committed, and thus visible in it, or rolled back. */
export function hasEnded(snapshot: PgSnapshot, transaction: bigint): boolean {
  return transaction < snapshot.xmax && !snapshot.inProgress.has(transaction)
}

/** Whether everything that is visible in `earlier` is visible in `later` too. */
export function covers(later: PgSnapshot, earlier: PgSnapshot): boolean {
  if (later.xmax < earlier.xmax) return false
  for (const transaction of later.inProgress) if (hasEnded(earlier, transaction)) return false
  return true
}
