import type { Clock } from '../../src/util/clock.js'

interface Timer {
  readonly dueAt: number
  readonly callback: () => void
}

/** Time that moves only when a test says so; what is due without any delay happens by itself. */
export class ManualClock implements Clock {
  #now = Date.now()
  readonly #timers = new Set<Timer>()

  now(): number {
    return this.#now
  }

  setTimeout(callback: () => void, delayMs: number): unknown {
    const timer = { dueAt: this.#now + delayMs, callback }
    this.#timers.add(timer)
    if (delayMs <= 0) setImmediate(() => this.#timers.delete(timer) && callback())
    return timer
  }

  clearTimeout(timer: unknown): void {
    this.#timers.delete(timer as Timer)
  }

  /** How many timers wait. */
  get pending(): number {
    return this.#timers.size
  }

  /** Fires what is due on the way, in order. */
  advance(ms: number): void {
    const until = this.#now + ms
    for (let next = this.#next(until); next; next = this.#next(until)) {
      this.#timers.delete(next)
      this.#now = Math.max(this.#now, next.dueAt)
      next.callback()
    }
    this.#now = until
  }

  #next(until: number): Timer | undefined {
    const due = [...this.#timers].filter((timer) => timer.dueAt <= until)
    return due.sort((a, b) => a.dueAt - b.dueAt)[0]
  }
}
