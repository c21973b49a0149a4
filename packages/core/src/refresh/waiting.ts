import type { Refreshable } from './contract.js'
import type { Lanes } from './lanes.js'
import type { Shapes } from './shape.js'
import { expectedMs } from './work.js'

/** What one tick refreshes, on so many connections: slow shapes apart from the others. */
export interface Group<Query> {
  readonly isApart: boolean
  readonly queries: readonly Query[]
  readonly lanes: number
}

/** Work that is expected to take longer is spread over several connections. */
const WORTH_A_LANE_MS = 50

/** Live queries that wait for a refresh, so that a tick's cost does not grow with the clean ones. */
export class Waiting<Query extends Refreshable> {
  readonly #queries = new Set<Query>()
  readonly #lanes: Lanes
  readonly #shapes: Shapes
  /** Queries that a barrier waits for are refreshed though their window is closed. */
  #forcedUntil = 0

  constructor(lanes: Lanes, shapes: Shapes) {
    this.#lanes = lanes
    this.#shapes = shapes
  }

  get size(): number {
    return this.#queries.size
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
      if (!hasLane(query)) return false
      const { schedule } = query
      const since = schedule.pendingSince ?? Infinity
      const dueAt = schedule.dueAt(since <= this.#forcedUntil)
      return since <= tick && dueAt !== undefined && dueAt <= now
    })
  }

  /** The same, with connections allotted. Those that get none wait on: what is begun must be carried through. */
  groups(tick: number, now: number): Group<Query>[] {
    const due = this.due(tick, now)
    const apart = due.filter((query) => this.#isSlow(query))
    const shared = apart.length === 0 ? due : due.filter((query) => !this.#isSlow(query))
    const lanes = this.#lanes.allot({ shared: this.#useful(shared), apart: this.#useful(apart) })
    return [
      { isApart: false, queries: shared, lanes: lanes.shared },
      { isApart: true, queries: apart, lanes: lanes.apart },
    ].filter((group) => group.lanes > 0)
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

  #useful(queries: readonly Query[]): number {
    if (queries.length === 0) return 0
    return Math.max(1, Math.ceil(expectedMs(queries, this.#shapes) / WORTH_A_LANE_MS))
  }

  #isSlow(query: Query): boolean {
    return this.#shapes.of(query.plan).isSlow
  }
}
