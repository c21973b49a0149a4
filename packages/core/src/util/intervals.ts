import type { Clock } from './clock.js'

/** Repeating timers, one for each key. */
export class Intervals<Key> {
  readonly #clock: Clock
  readonly #timers = new Map<Key, unknown>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  set(key: Key, everyMs: number, callback: () => void): void {
    this.clear(key)
    const timer = this.#clock.setTimeout(() => {
      this.set(key, everyMs, callback)
      callback()
    }, everyMs)
    this.#timers.set(key, timer)
  }

  clear(key: Key): void {
    this.#clock.clearTimeout(this.#timers.get(key))
    this.#timers.delete(key)
  }

  clearAll(): void {
    for (const key of [...this.#timers.keys()]) this.clear(key)
  }
}
