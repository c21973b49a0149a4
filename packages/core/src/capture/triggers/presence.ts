import type { ClientBase } from 'pg'
import { quoteLiteral } from '../../util/postgres.js'
import type { CaptureObjects } from './objects.js'
import { LEASE_MS } from './settings.js'

/**
 * Each reader holds a shared advisory lock, so that the last one to leave can tell writers to stop logging at once. One
 * whose session is not its own, behind a pooler, holds none and tells nobody: writers stop when the lease runs out.
 */
export class Presence {
  readonly #control: ClientBase
  readonly #objects: CaptureObjects
  readonly #key: string
  readonly #isDirect: boolean

  constructor(control: ClientBase, objects: CaptureObjects, isDirect: boolean) {
    this.#control = control
    this.#isDirect = isDirect
    this.#objects = objects
    this.#key = `pg_catalog.hashtextextended(${quoteLiteral(`pg-realtime readers ${objects.schema}`)}, 0)`
  }

  async join(): Promise<void> {
    if (this.#isDirect) await this.#control.query(`SELECT pg_catalog.pg_advisory_lock_shared(${this.#key})`)
  }

  /**
   * If no other reader is present, writers stop logging now and not only when the lease runs out. A reader that is there
   * all the same, behind a pooler, learns of it by the new `epoch`.
   */
  async leave(epoch: string): Promise<void> {
    if (!this.#isDirect) return
    await this.#control.query(`SELECT pg_catalog.pg_advisory_unlock_shared(${this.#key})`)
    const { rows } = await this.#control.query<{ last: boolean }>(
      `SELECT pg_catalog.pg_try_advisory_lock(${this.#key}) AS last`,
    )
    if (rows[0]?.last !== true) return
    await this.#control.query(
      `WITH renamed AS (UPDATE ${this.#objects.epoch} SET value = $1)
       SELECT pg_catalog.setval(${quoteLiteral(this.#objects.awakeUntil)}::pg_catalog.regclass,
         (pg_catalog.date_part('epoch', pg_catalog.clock_timestamp()) * 1000)::int8 - ${LEASE_MS})`,
      [epoch],
    )
    await this.#control.query(`SELECT pg_catalog.pg_advisory_unlock(${this.#key})`)
  }
}

/** Gives the unlogged log an identity that a crash takes away. */
export async function ensureEpoch(control: ClientBase, objects: CaptureObjects, value: string): Promise<void> {
  await control.query(`INSERT INTO ${objects.epoch} (value) VALUES ($1) ON CONFLICT DO NOTHING`, [value])
}
