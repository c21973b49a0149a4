import type { ClientBase } from 'pg'
import { parseSnapshot, type PgSnapshot } from '../pg-snapshot.js'

/** A snapshot of this moment. */
export async function currentSnapshot(control: ClientBase): Promise<PgSnapshot> {
  const { rows } = await control.query<{ snapshot: string }>(
    `SELECT pg_catalog.pg_current_snapshot()::text AS snapshot`,
  )
  return parseSnapshot(rows[0]?.snapshot ?? '')
}

/**
 * Those of these open transactions that belong to another database of the server: a snapshot names them too, and they
 * cannot have written here. One that is not known for sure is not among them.
 */
export async function transactionsElsewhere(
  control: ClientBase,
  transactions: ReadonlySet<bigint>,
): Promise<ReadonlySet<bigint>> {
  if (transactions.size === 0) return transactions
  const { rows } = await control.query<{ id: string }>(
    `SELECT l.transactionid::text AS id FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a USING (pid)
     WHERE l.locktype = 'transactionid' AND l.mode = 'ExclusiveLock' AND l.granted
       AND a.datid <> (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
     UNION ALL
     SELECT transaction::text FROM pg_catalog.pg_prepared_xacts WHERE database <> pg_catalog.current_database()`,
  )
  // Locks name a transaction by the lower half of its id; an id is open once, so that says which.
  const elsewhere = new Set(rows.map(({ id }) => BigInt(id)))
  return new Set([...transactions].filter((transaction) => elsewhere.has(transaction & 0xffff_ffffn)))
}

/** The others. */
export async function notElsewhere(control: ClientBase, transactions: ReadonlySet<bigint>): Promise<readonly bigint[]> {
  const elsewhere = await transactionsElsewhere(control, transactions)
  return [...transactions].filter((transaction) => !elsewhere.has(transaction))
}
