import type { ClientBase } from 'pg'
import { quoteLiteral } from '../../util/postgres.js'
import type { CaptureObjects } from './objects.js'
import { LEASE_MS } from './settings.js'

const NOW = `(pg_catalog.date_part('epoch', pg_catalog.clock_timestamp()) * 1000)::int8`
/** No reader asks for more quiet than this: what lies further ahead was said before the clock was set back. */
const MAX_QUIET_MS = 5_000

/**
 * What readers tell writers through the sequence `awake_until`, which writers read outside of any snapshot. At time t a
 * writer with the value v
 *
 *     t < v                   logs
 *     v ≤ t < v + LEASE       logs and rings
 *     v + LEASE ≤ t           does nothing: nobody reads
 *
 * Every reader sets it to now or later, from time to time. A reader is therefore sure that nothing was skipped as long as
 * its own last word is younger than LEASE.
 */
export class Lease {
  readonly #control: ClientBase
  readonly #objects: CaptureObjects
  readonly #sequence: string
  readonly #isDirect: boolean
  #saidUntil = 0
  #renewedAt = 0
  #hasLapsed = false
  #relays = false
  #relaying = false
  #relayAgain = false

  /** `isDirect`: the session, and what it locks, is this reader's own. */
  constructor(control: ClientBase, objects: CaptureObjects, isDirect: boolean) {
    this.#control = control
    this.#isDirect = isDirect
    this.#objects = objects
    this.#sequence = `${quoteLiteral(objects.awakeUntil)}::pg_catalog.regclass`
  }

  /** The database's time of the last renewal: writers have logged everything since, if it is younger than LEASE. */
  get renewedAt(): number {
    return this.#renewedAt
  }

  /** Whether writers may have skipped the log between two renewals; asking resets it. */
  takeLapse(): boolean {
    const hasLapsed = this.#hasLapsed
    this.#hasLapsed = false
    return hasLapsed
  }

  /** They may have, for all that is known: the next one who asks is told so. */
  suspectLapse(): void {
    this.#hasLapsed = true
  }

  /** Somebody reads, and for `quietMs` from now writers need not ring. Takes back nothing that another reader said. */
  async renew(quietMs: number): Promise<void> {
    const { rows } = await this.#control.query<{ now: string; until: string }>(
      `SELECT now, pg_catalog.setval(${this.#sequence}, CASE WHEN was > now + ${MAX_QUIET_MS} THEN now + $1::int8 ELSE greatest(was, now + $1::int8) END) AS until
       FROM (SELECT ${NOW} AS now, coalesce(pg_catalog.pg_sequence_last_value(${this.#sequence}), 0) AS was OFFSET 0) s`,
      [quietMs],
    )
    const now = Number(rows[0]?.now)
    if (this.#renewedAt > 0 && now >= this.#renewedAt + LEASE_MS) this.#hasLapsed = true
    this.#renewedAt = now
    if (quietMs > 0) this.#saidUntil = Number(rows[0]?.until)
  }

  /** From now on writers ring again, unless another reader is awake. Returns until when this reader has asked for quiet. */
  async endQuiet(): Promise<number> {
    const { rows } = await this.#control.query<{ until: string }>(
      `SELECT CASE WHEN was = $1::int8 THEN pg_catalog.setval(${this.#sequence}, least(was, now)) ELSE $1::int8 END AS until
       FROM (SELECT ${NOW} AS now, pg_catalog.pg_sequence_last_value(${this.#sequence}) AS was OFFSET 0) s`,
      [this.#saidUntil],
    )
    return Number(rows[0]?.until)
  }

  /**
   * Takes the duty to ring for the readers that sleep, if no other awake reader has it; and rings then, because the one
   * who had it may have left something unsaid.
   */
  async takeUpRelaying(): Promise<void> {
    if (!this.#relays) await this.relay()
  }

  /** Rings for the readers that sleep, unless another awake reader does. Calls that come too fast share a ring. */
  async relay(): Promise<void> {
    if (this.#relaying) {
      this.#relayAgain = true
      return
    }
    this.#relaying = true
    try {
      do {
        this.#relayAgain = false
        const { rows } = await this.#control.query<{ got: boolean }>(
          `SELECT got, CASE WHEN got THEN pg_catalog.pg_notify($1, '') END
           FROM (SELECT $2::bool OR pg_catalog.pg_try_advisory_lock(${this.#relayKey}) AS got OFFSET 0) s`,
          // Several may ring: a lock would stay with a session that is not this reader's.
          [this.#objects.channel, this.#relays || !this.#isDirect],
        )
        this.#relays = rows[0]?.got === true
      } while (this.#relayAgain)
    } finally {
      this.#relaying = false
    }
  }

  async endRelaying(): Promise<void> {
    if (!this.#relays) return
    this.#relays = false
    if (this.#isDirect) await this.#control.query(`SELECT pg_catalog.pg_advisory_unlock(${this.#relayKey})`)
  }

  get #relayKey(): string {
    return `pg_catalog.hashtextextended(${quoteLiteral(`pg-realtime relay ${this.#objects.schema}`)}, 0)`
  }
}
