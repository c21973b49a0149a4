import type { ClientBase, QueryResult } from 'pg'
import { quoteLiteral } from '../../util/postgres.js'
import type { PgSnapshot } from '../pg-snapshot.js'
import type { LogReading } from './log-reader.js'
import type { CaptureObjects } from './objects.js'
import { MODE } from './settings.js'

/** A segment may be truncated when everything in it was visible so long ago. Readers look more often than that. */
const HORIZON_MS = 15_000
/** A segment is in use for so long. */
const SEGMENT_MS = 60_000
export const ROTATE_MS = 10_000
/** After reading so much of the log, it is time to look at its size. */
const ROTATE_CHARACTERS = 8_388_608

/** Keeps the log small: remembers what has been read when, and calls the database's function `rotate`. */
export class Rotation {
  readonly #objects: CaptureObjects
  /** Oldest first; the first one is the newest that is older than the horizon, once there is one. */
  #history: { readonly at: number; readonly snapshot: PgSnapshot }[] = []
  #characters = 0
  #segment = -1
  #segmentSince = 0

  constructor(objects: CaptureObjects) {
    this.#objects = objects
  }

  /** Returns whether so much was read that rotating should not wait for its hour. */
  afterRead(reading: LogReading, snapshot: PgSnapshot, now: number): boolean {
    const segment = reading.mode & MODE.segment
    if (segment !== this.#segment) {
      this.#segment = segment
      this.#segmentSince = now
    }
    const last = this.#history.at(-1)
    if (!last || now - last.at >= 1_000) this.#history.push({ at: now, snapshot })
    const older = this.#history.findLastIndex(({ at }) => at <= now - HORIZON_MS)
    if (older > 0) this.#history = this.#history.slice(older)
    for (const { oldRow, newRow } of reading.entries) this.#characters += (oldRow?.length ?? 0) + (newRow?.length ?? 0)
    return this.#characters >= ROTATE_CHARACTERS
  }

  /** Returns what was done, in words; empty: nothing was to be done. */
  async rotate(control: ClientBase, now: number): Promise<string> {
    this.#characters = 0
    const oldest = this.#history[0]
    const horizon = oldest && oldest.at <= now - HORIZON_MS ? oldest.snapshot.text : null
    const due = this.#segment >= 0 && now - this.#segmentSince >= SEGMENT_MS
    // It looks at the log twice, and the second time must see who committed in between, whatever the database's default is.
    // Of one message PostgreSQL makes a transaction that ends with it, also where it fails.
    const results = (await control.query<{ done: string }>(
      `SET TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE;
       SELECT ${this.#objects.rotate}(${horizon === null ? 'NULL' : quoteLiteral(horizon)}::pg_catalog.pg_snapshot, ${due}) AS done`,
    )) as unknown as readonly QueryResult<{ done: string }>[]
    return results[1]?.rows[0]?.done ?? ''
  }
}

/** Lets writers ring, or forbids it, for all readers; kept in the database. Returns whether they ring. */
export async function setDoorbell(
  control: ClientBase,
  objects: CaptureObjects,
  rings: boolean | undefined,
): Promise<boolean> {
  const mode = `${quoteLiteral(objects.mode)}::pg_catalog.regclass`
  const read = await control.query<{ mode: string }>(`SELECT pg_catalog.pg_sequence_last_value(${mode}) AS mode`)
  const isRinging = (Number(read.rows[0]?.mode ?? 0) & MODE.silent) === 0
  if (rings === undefined || rings === isRinging) return isRinging
  const key = quoteLiteral(`pg-realtime rotate ${objects.schema}`)
  await control.query(
    `WITH locked AS MATERIALIZED (SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended(${key}, 0)))
     SELECT pg_catalog.setval(${mode}, pg_catalog.pg_sequence_last_value(${mode}) & ~${MODE.silent}::int8 | $1::int8) FROM locked`,
    [rings ? 0 : MODE.silent],
  )
  return rings
}
