import type { ClientBase } from 'pg'
import { quoteLiteral } from '../../util/postgres.js'
import { parseSnapshot, type PgSnapshot } from '../pg-snapshot.js'
import type { CaptureObjects } from './objects.js'

const NOW = `(pg_catalog.date_part('epoch', pg_catalog.clock_timestamp()) * 1000)::int8`

/**
 * Tells writers that somebody reads: `awake_until` becomes now, plus `quietMs` during which they need not ring. Never
 * takes back what another reader said, unless that lies impossibly far ahead (a clock was set back). Returns the
 * database's time.
 */
export async function renewLease(
  control: ClientBase,
  objects: CaptureObjects,
  quietMs: number,
  maxQuietMs: number,
): Promise<number> {
  const sequence = `${quoteLiteral(objects.awakeUntil)}::pg_catalog.regclass`
  const { rows } = await control.query<{ now: string }>(
    `SELECT now, pg_catalog.setval(${sequence}, CASE WHEN was > now + ${maxQuietMs} THEN now + ${quietMs} ELSE greatest(was, now + ${quietMs}) END)
     FROM (SELECT ${NOW} AS now, coalesce(pg_catalog.pg_sequence_last_value(${sequence}), 0) AS was OFFSET 0) s`,
  )
  return Number(rows[0]?.now)
}

/** A snapshot of this moment. */
export async function currentSnapshot(control: ClientBase): Promise<PgSnapshot> {
  const { rows } = await control.query<{ snapshot: string }>(
    `SELECT pg_catalog.pg_current_snapshot()::text AS snapshot`,
  )
  return parseSnapshot(rows[0]?.snapshot ?? '')
}

/** Gives the unlogged log an identity that a crash takes away. */
export async function ensureEpoch(control: ClientBase, objects: CaptureObjects, value: string): Promise<void> {
  await control.query(`INSERT INTO ${objects.epoch} (value) VALUES ($1) ON CONFLICT DO NOTHING`, [value])
}
