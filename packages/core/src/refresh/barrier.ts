import { BarrierError, ClosedError } from '../errors.js'
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
  readonly failed: Set<Query>
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
      failed: new Set(),
      finish: (error) => {
        this.#open.delete(barrier)
        if (error) done.reject(error)
        else done.resolve()
      },
    }
    this.#open.add(barrier)
    const abort = () => barrier.finish(signal?.reason as Error)
    signal?.addEventListener('abort', abort, { once: true })
    this.#host.force(barrier.tick)
    try {
      await done.promise
    } finally {
      signal?.removeEventListener('abort', abort)
    }
  }

  /** Call after each tick, refresh and filter decision. */
  check(): void {
    for (const barrier of [...this.#open]) {
      if (this.#host.completedTick() < barrier.tick || isUpTo(this.#host.undecidedSince(), barrier.tick)) continue
      const waiting = [...this.#host.queries()].filter(
        (query) => !barrier.failed.has(query) && isUpTo(query.schedule.pendingSince, barrier.tick),
      )
      if (waiting.length === 0) barrier.finish(failureOf(barrier))
      else if (waiting.some((query) => !query.schedule.isRunning)) this.#host.force(barrier.tick)
    }
  }

  /**
   * A query could not be refreshed: barriers do not wait for its next try. A refresh that began before a barrier says
   * nothing about what the query can do by now.
   */
  failed(query: Query): void {
    const { schedule } = query
    for (const barrier of this.#open) {
      if (schedule.refreshedAt >= barrier.tick && isUpTo(schedule.pendingSince, barrier.tick)) barrier.failed.add(query)
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

function failureOf<Query extends Refreshable>({ failed }: Barrier<Query>): Error | undefined {
  if (failed.size === 0) return undefined
  const queries = [...failed].map((query) => query.sql)
  return new BarrierError(
    queries,
    `${queries.length} live ${queries.length === 1 ? 'query' : 'queries'} could not be refreshed; onError tells why:\n  ${queries.join('\n  ')}`,
  )
}
