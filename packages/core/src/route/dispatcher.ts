import type { Batch } from '../change.js'
import type { RefreshReason } from '../live/contract.js'
import type { Clock } from '../util/clock.js'
import type { Ask, Hit, Routable, RoutedChange } from './contract.js'
import { Router } from './router.js'
import type { Shape } from './shape.js'

/** What dispatching asks of the live queries' owner. */
export interface DispatcherHost<Query> {
  readonly clock: Clock
  /** The rows of `query` may lack changes of `tick`: `changes`, or any where that is undefined. */
  readonly mark: (query: Query, reason: RefreshReason, tick?: number, changes?: readonly RoutedChange[]) => void
  /** A query was marked after its tick had gone on. */
  readonly onLateMark: () => void
  /** A filter has decided. */
  readonly onDecided: () => void
}

/** Routes batches to live queries, and lets their filters decide. */
export class Dispatcher<Query extends Routable> {
  readonly #host: DispatcherHost<Query>
  readonly #router: Router<Query>
  readonly #queries = new Set<Query>()
  /** Filters that still decide, and the tick on whose changes. */
  readonly #undecided = new Map<symbol, number>()

  constructor(host: DispatcherHost<Query>) {
    this.#host = host
    this.#router = new Router<Query>(host.clock)
  }

  /** Queries that changes are routed to. */
  get queries(): ReadonlySet<Query> {
    return this.#queries
  }

  /** The first tick on whose changes some filter still decides. */
  get undecidedSince(): number | undefined {
    return this.#undecided.size > 0 ? Math.min(...this.#undecided.values()) : undefined
  }

  add(query: Query): void {
    this.#queries.add(query)
    this.#router.add(query)
  }

  /** Must be called with the plan that the query was added with. */
  remove(query: Query): void {
    if (this.#queries.delete(query)) this.#router.remove(query)
  }

  /** How changes find the instances of a plan. */
  shape(plan: Query['plan']): Shape<Query> | undefined {
    return this.#router.shape(plan)
  }

  /** `ask` must answer on the batch's own snapshot. */
  async dispatch(batch: Batch, tick: number, ask: Ask): Promise<void> {
    if (batch.gap !== undefined) this.markAll(batch.gap, tick)
    const routed = await this.#router.route(batch.changes, ask)
    // Some may have been closed while PostgreSQL was asked.
    const hits = [...routed].filter(([query]) => this.#queries.has(query))
    await Promise.all(hits.map(([query, hit]) => this.#settle(query, hit, tick)))
  }

  /** Changes may be missing: every query is refreshed. */
  markAll(because: string, tick?: number): void {
    for (const query of this.#queries) this.#host.mark(query, { kind: 'gap', because }, tick)
  }

  async #settle(query: Query, hit: Hit, tick: number): Promise<void> {
    // A filter reads the present rows: while they are about to change, its answer would not hold.
    if (hit.certain || query.isUnsettled || !query.filter) return this.#mark(query, hit, tick)
    const decision = this.#decide(query, hit, tick)
    // Functions of the application may take their time: the tick does not wait for them, barriers do.
    if (!query.filter.isAsync) await decision
  }

  async #decide(query: Query, hit: Hit, tick: number): Promise<void> {
    const decision = Symbol('decision')
    this.#undecided.set(decision, tick)
    const refreshes = await query.filter?.decide(hit)
    this.#undecided.delete(decision)
    if (refreshes && this.#queries.has(query)) {
      this.#mark(query, hit, tick)
      if (query.filter?.isAsync) this.#host.onLateMark()
    }
    this.#host.onDecided()
  }

  #mark(query: Query, hit: Hit, tick: number): void {
    // All of them come with the first reason.
    for (const [index, reason] of hit.reasons.entries()) {
      this.#host.mark(query, reason, tick, index === 0 ? hit.changes : NO_CHANGES)
    }
  }
}

const NO_CHANGES: readonly RoutedChange[] = []
