/**
 * Comparing snapshot tokens: which of two states of one database has seen more? Works in a browser too, where a client
 * decides whether what a server sends would take it back in time.
 *
 * A token is `<system>.<timeline>.<xmin>:<xmax>:<xip>,<xip>,…`. A transaction is visible in it when its id is below
 * `xmax` and not listed in `xip`, so a snapshot has seen everything that another one has seen exactly when each
 * transaction that it cannot see is invisible in the other one as well.
 */

/** How one snapshot relates to another. */
export type SnapshotOrder =
  /** Both see the same transactions. */
  | 'same'
  /** It has seen less: showing it after the other one would go back in time. */
  | 'older'
  /** It has seen everything that the other one has, and more. */
  | 'newer'
  /** Each has seen a transaction that the other has not. */
  | 'concurrent'
  /** Different systems or timelines, or not a token. */
  | 'incomparable'

export interface ParsedSnapshot {
  readonly system: string
  readonly timeline: string
  readonly xmin: bigint
  readonly xmax: bigint
  readonly xip: ReadonlySet<bigint>
}

const TOKEN = /^(\d+)\.(\d+)\.(\d+):(\d+):((?:\d+(?:,\d+)*)?)$/

/** The parts of a token; undefined for a text that is none. */
export function parseSnapshot(token: string): ParsedSnapshot | undefined {
  const match = TOKEN.exec(token)
  if (!match) return undefined
  const [, system, timeline, xmin, xmax, xip] = match as unknown as [string, string, string, string, string, string]
  return {
    system,
    timeline,
    xmin: BigInt(xmin),
    xmax: BigInt(xmax),
    xip: new Set(xip === '' ? [] : xip.split(',').map(BigInt)),
  }
}

/** How `a` relates to `b`: 'older' says that `a` has seen less than `b`. */
export function compareSnapshots(a: string, b: string): SnapshotOrder {
  const left = parseSnapshot(a)
  const right = parseSnapshot(b)
  if (!left || !right) return 'incomparable'
  if (left.system !== right.system || left.timeline !== right.timeline) return 'incomparable'
  const isOlder = hasSeenAllOf(right, left)
  const isNewer = hasSeenAllOf(left, right)
  if (isOlder) return isNewer ? 'same' : 'older'
  return isNewer ? 'newer' : 'concurrent'
}

function hasSeenAllOf(snapshot: ParsedSnapshot, other: ParsedSnapshot): boolean {
  for (const xid of snapshot.xip) if (isVisible(other, xid)) return false
  const beyond = other.xmax - snapshot.xmax
  // Everything from `snapshot.xmax` on is invisible in `snapshot`; `other` can hide at most as many as it lists.
  if (beyond > BigInt(other.xip.size)) return false
  for (let xid = snapshot.xmax; xid < other.xmax; xid++) if (isVisible(other, xid)) return false
  return true
}

function isVisible(snapshot: ParsedSnapshot, xid: bigint): boolean {
  return xid < snapshot.xmax && !snapshot.xip.has(xid)
}
