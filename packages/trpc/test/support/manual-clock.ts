import type { Clock } from '../../src/internals/clock.js'

interface Timer {
  readonly at: number
  readonly callback: () => void
}

/** Time that passes when the test says so. */
export class ManualClock implements Clock {
  readonly #timers = new Set<Timer>()
  #now = 0

  /** How many timers are running. */
  get pending(): number {
    return this.#timers.size
  }

  setTimeout(callback: () => void, delayMs: number): Timer {
    const timer = { at: this.#now + delayMs, callback }
    this.#timers.add(timer)
    return timer
  }

  clearTimeout(timer: unknown): void {
    this.#timers.delete(timer as Timer)
  }

  advance(ms: number): void {
    const end = this.#now + ms
    for (;;) {
      const [due] = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)
      if (!due) break
      this.#timers.delete(due)
      this.#now = due.at
      due.callback()
    }
    this.#now = end
  }
}
