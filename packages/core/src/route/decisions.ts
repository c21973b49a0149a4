import type { Hit } from './contract.js'
import type { RefreshFilter } from './refresh-filter.js'

/** Filters that are still deciding, so that a barrier knows to wait for them. */
export class Decisions {
  readonly #undecided = new Map<symbol, number>()

  /** The first tick on whose changes some filter still decides. */
  get undecidedSince(): number | undefined {
    return this.#undecided.size > 0 ? Math.min(...this.#undecided.values()) : undefined
  }

  async decide<Row>(
    filter: RefreshFilter<never, Row>,
    hit: Hit,
    rows: () => readonly Row[],
    tick: number,
    accept: () => void,
  ): Promise<void> {
    const decision = Symbol('decision')
    this.#undecided.set(decision, tick)
    if (await filter.decide(hit, rows)) accept()
    this.#undecided.delete(decision)
  }
}
