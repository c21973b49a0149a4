import { hasEnded, type PgSnapshot } from '../pg-snapshot.js'
import type { LogReading } from './log-reader.js'

/**
 * Whether a truncation since the previous reading took entries that this reader lacks, and whose entries may be among them
 * though they are not visible yet: of these transactions, or of everybody's. Undefined: nothing is lacking.
 */
export function truncatedUnread(
  previous: { readonly reading: LogReading; readonly snapshot: PgSnapshot },
  dropped: LogReading['dropped'],
  snapshot: PgSnapshot,
): 'everybody' | ReadonlySet<bigint> | undefined {
  const truncated = dropped.filter((upTo, segment) => upTo !== previous.reading.dropped[segment])
  // The snapshot may be older than the truncation: of who came after it nothing is left to come, ...
  if (truncated.some((upTo) => upTo >= snapshot.xmax)) return 'everybody'
  // ... nor of who was open in it.
  const open = new Set([...snapshot.inProgress].filter((transaction) => truncated.some((upTo) => transaction <= upTo)))
  return open.size > 0 || truncated.some((upTo) => isMissed(previous.snapshot, snapshot, upTo)) ? open : undefined
}

/** Whether entries up to this transaction may be visible now, and were not before. */
function isMissed(before: PgSnapshot, now: PgSnapshot, upTo: bigint): boolean {
  return upTo >= before.xmax || [...before.inProgress].some((open) => open <= upTo && hasEnded(now, open))
}
