import { BarrierError, ClosedError } from '../errors.js'
import { abortable } from '../util/abortable.js'
import { deferred } from '../util/deferred.js'
import type { Refreshable } from './contract.js'

/** What barriers wait on. */
export interface BarrierHost<Query extends Refreshable> {
  /** The number of the tick that runs now or ran last. */
  readonly currentTick: () => number
  /** The last tick that was carried through. */
  readonly completedTick: () => number
  /** Makes a new tick run, in which queries dirty since `tick` or before ignore their window. */
  readonly force: (tick: number) => void
  readonly queries: () => Iterable<Query>
  /** The first tick whose changes some filter still decides on. */
  readonly undecidedSince: () => number | undefined
}

interface Barrier<Query> {
  /** The first tick that begins after the call: its snapshot sees every commit that was visible before. */
  readonly tick: number
  /**
   * The first of these ticks that was carried through, once there is one: what those before it were to route, it has
   * routed.
   */
  routedBy: number | undefined
  /** Queries that failed to refresh since the call, each with the last tick on which it did. */
  readonly failed: Map<Query, number>
  readonly finish: (error?: Error) => void
}

/** Barriers: each waits until every change of its tick is either shown or known to fail. */
export class Barriers<Query extends Refreshable> {
  readonly #host: BarrierHost<Query>
  readonly #open = new Set<Barrier<Query>>()

  constructor(host: BarrierHost<Query>) {
    this.#host = host
  }

  async wait(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted()
    const done = deferred<void>()
    const barrier: Barrier<Query> = {
      tick: this.#host.currentTick() + 1,
      routedBy: undefined,
      failed: new Map(),
      finish: (error) => {
        this.#open.delete(barrier)
        if (error) done.reject(error)
        else done.resolve()
      },
    }
    this.#open.add(barrier)
    this.#host.force(barrier.tick)
    try {
      await abortable(done.promise, signal)
    } finally {
      this.#open.delete(barrier)
    }
  }

  /** Call after each tick, refresh and filter decision. */
  check(): void {
    const completed = this.#host.completedTick()
    for (const barrier of [...this.#open]) {
      if (completed < barrier.tick) continue
      barrier.routedBy ??= completed
      const { routedBy, failed } = barrier
      if (isUpTo(this.#host.undecidedSince(), routedBy)) continue
      const waiting = [...this.#host.queries()].filter(({ schedule }) => isUpTo(schedule.pendingSince, routedBy))
      const open = waiting.filter((query) => (failed.get(query) ?? 0) < routedBy)
      if (open.length === 0) barrier.finish(failureOf(waiting))
      else if (open.some((query) => !query.schedule.isRunning)) this.#host.force(routedBy)
    }
  }

  /**
   * A query could not be refreshed: barriers do not wait for its next try. A refresh that began before a barrier, or before
   * a tick that the barrier had to wait for, says nothing about what the query can do by now.
   */
  failed(query: Query): void {
    const { refreshedAt } = query.schedule
    for (const barrier of this.#open) {
      if (refreshedAt >= barrier.tick) barrier.failed.set(query, refreshedAt)
    }
  }

  stop(): void {
    for (const barrier of [...this.#open]) {
      barrier.finish(new ClosedError('The engine was stopped while a barrier was waiting.'))
    }
  }
}

function isUpTo(tick: number | undefined, limit: number): boolean {
  return tick !== undefined && tick <= limit
}

function failureOf(failed: readonly Refreshable[]): Error | undefined {
  if (failed.length === 0) return undefined
  const queries = failed.map(({ sql }) => sql)
  return new BarrierError(
    queries,
    `${queries.length} live ${queries.length === 1 ? 'query' : 'queries'} could not be refreshed; onError tells why:\n  ${queries.join('\n  ')}`,
  )
}
