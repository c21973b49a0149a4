import { createHash } from 'node:crypto'
import { quoteIdentifier } from '../../util/postgres.js'

/** What capture keeps in its schema, quoted for SQL text. Functions of single tables are named in `trigger-names.ts`. */
export interface CaptureObjects {
  /** Unquoted. */
  readonly schema: string
  readonly quotedSchema: string
  /** The change log: two segments in turn. Unlogged, so a crash empties them. */
  readonly segments: readonly [string, string]
  /** For each segment, a transaction id that is at least that of every entry which was ever truncated away. */
  readonly dropped: readonly [string, string]
  /** Sequence, milliseconds since the epoch: until then a reader polls, and writers need not ring. */
  readonly awakeUntil: string
  /** Sequence of the bits in `MODE`. */
  readonly mode: string
  /** Sequence: counts the entries that could not be written. Survives the rollback of a writer, on purpose. */
  readonly lost: string
  /** Unlogged, one row: a number that a crash takes away. */
  readonly epoch: string
  /** Function that empties the inactive segment, or makes it the active one. */
  readonly rotate: string
  readonly rotateSignature: string
  /** The channel on which writers ring; its payload is always empty. */
  readonly channel: string
}

export function captureObjects(schema: string): CaptureObjects {
  const object = (name: string): string => `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`
  return {
    schema,
    quotedSchema: quoteIdentifier(schema),
    segments: [object('log_0'), object('log_1')],
    dropped: [object('log_0_dropped'), object('log_1_dropped')],
    awakeUntil: object('awake_until'),
    mode: object('mode'),
    lost: object('lost'),
    epoch: object('epoch'),
    rotate: object('rotate'),
    rotateSignature: `${object('rotate')}(pg_catalog.pg_snapshot, boolean)`,
    channel: fitName(schema, '_changes', schema),
  }
}

/** PostgreSQL cuts longer names, counted in bytes. */
const NAME_BYTES = 63

/** `base` + `suffix` where that fits into a name; else a shortened base with a digest of `identity` before the suffix. */
export function fitName(base: string, suffix: string, identity: string): string {
  if (Buffer.byteLength(base + suffix) <= NAME_BYTES) return base + suffix
  return hashedName(base, suffix, identity)
}

/** `base`, shortened where needed, a digest of `identity`, and `suffix`. */
export function hashedName(base: string, suffix: string, identity: string): string {
  const tail = `_${createHash('sha256').update(identity).digest('hex').slice(0, 8)}${suffix}`
  let head = base
  while (Buffer.byteLength(head + tail) > NAME_BYTES) head = Array.from(head).slice(0, -1).join('')
  return head + tail
}
