/** Numbers that the SQL in the database and the reader here must agree on. */

/** Of everything that is installed. Raise it with any change of the SQL, so that older installations are replaced. */
export const VERSION = 2

/** A statement that changes more rows is logged as one entry without rows. */
export const BULK_ROWS = 500
/** Longer column values stand as a digest. Bytes of PostgreSQL's text output. */
export const LARGE_BYTES = 5_000
/** Values that are not even hashed while the writer waits; bytes as PostgreSQL stores them. */
export const HUGE_BYTES = 1_048_576
/** Images of one statement that are together longer than this are given up for one entry without rows. */
export const ENTRY_BYTES = 8_388_608

/** Writers stop logging when no reader has shown itself for so long. */
export const LEASE_MS = 60_000

/** Bits of the `mode` sequence, by which readers tell writers what to do. */
export const MODE = {
  /** Which of the two segments to append to. */
  segment: 1,
  /** Never ring. */
  silent: 2,
  /** The log is too large and cannot be emptied: log that a table changed, without its rows. */
  coarse: 4,
} as const
