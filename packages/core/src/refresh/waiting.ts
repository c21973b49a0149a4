import type { Refreshable } from './contract.js'
import type { Lanes } from './lanes.js'

/** Live queries that wait for a refresh, so that a tick's cost does not grow with the clean ones. */
export class Waiting<Query extends Refreshable> {
  readonly #queries = new Set<Query>()
  readonly #lanes: Lanes
  readonly #isSlow: (query: Query) => boolean
  /** Queries that a barrier waits for are refreshed though their window is closed. */
  #forcedUntil = 0

  constructor(lanes: Lanes, isSlow: (query: Query) => boolean) {
    this.#lanes = lanes
    this.#isSlow = isSlow
  }

  add(query: Query): void {
    this.#queries.add(query)
  }

  delete(query: Query): void {
    this.#queries.delete(query)
  }

  /** Those that are dirty since `tick` or before are refreshed without regard to their window. */
  force(tick: number): void {
    this.#forcedUntil = Math.max(this.#forcedUntil, tick)
  }

  /** Those that may be refreshed on the snapshot of `tick` now, and for which a connection is free. */
  due(tick: number, now: number): Query[] {
    const hasLane = this.#withLane()
    return [...this.#queries].filter((query) => {
      const { schedule } = query
      if (!hasLane(query)) return false
      const since = schedule.pendingSince ?? Infinity
      const dueAt = schedule.dueAt(since <= this.#forcedUntil)
      return since <= tick && dueAt !== undefined && dueAt <= now
    })
  }

  /** When the next window ends of those for which a connection is free. */
  nextAt(): number {
    const hasLane = this.#withLane()
    let next = Infinity
    for (const query of this.#queries) if (hasLane(query)) next = Math.min(next, query.schedule.dueAt() ?? Infinity)
    return next
  }

  #withLane(): (query: Query) => boolean {
    const [shared, apart] = [this.#lanes.free(false) > 0, this.#lanes.free(true) > 0]
    return (query) => (this.#isSlow(query) ? apart : shared)
  }
}
