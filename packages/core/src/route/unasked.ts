import { backoffDelay, type BackoffOptions } from '../util/backoff.js'
import type { Clock } from '../util/clock.js'
import type { JoinWay } from './way.js'

/** A question that fails holds up a tick each time: it is tried again rarely, and more rarely each time. */
const AGAIN: BackoffOptions = { firstMs: 30_000, maxMs: 15 * 60_000 }

interface Failure {
  readonly reason: string
  /** Failures in a row. */
  readonly count: number
  /** By the clock; Infinity: never. */
  readonly againAt: number
}

/** Which questions of a shape are not asked for now, and why: until then each change reaches every instance. */
export class Unasked {
  readonly #clock: Pick<Clock, 'now'>
  readonly #failures = new Map<JoinWay, Failure>()

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock
  }

  has(way: JoinWay): boolean {
    const failure = this.#failures.get(way)
    return failure !== undefined && this.#clock.now() < failure.againAt
  }

  /** Why a question is not asked at present, and until when, in words. */
  reason(way: JoinWay): string | undefined {
    const failure = this.#failures.get(way)
    if (!failure || !this.has(way)) return undefined
    const { reason, againAt } = failure
    if (againAt === Infinity) return `${reason}; it is asked no more until the query is analyzed anew`
    return `${reason}; it is asked again in ${Math.ceil((againAt - this.#clock.now()) / 1_000)} s`
  }

  failed(way: JoinWay, reason: string, canPass: boolean): void {
    const count = this.#failures.get(way)?.count ?? 0
    // There is no crowd to spread: no jitter.
    const againAt = canPass ? this.#clock.now() + backoffDelay(count, AGAIN, () => 1) : Infinity
    this.#failures.set(way, { reason, count: count + 1, againAt })
  }

  answered(way: JoinWay): void {
    this.#failures.delete(way)
  }
}
