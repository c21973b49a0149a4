import type { Holder, LiveInstance } from './live-instance.js'

/** Live queries that are being opened, and who waits until they are analyzed and captured. */
export class Openings {
  readonly #work = new Map<LiveInstance, Promise<void>>()
  readonly #awaited = new Map<Holder, LiveInstance>()

  begin(instance: LiveInstance, work: Promise<void>): void {
    const opening = work.finally(() => this.forget(instance))
    opening.catch(() => {})
    this.#work.set(instance, opening)
  }

  /** Rejects as the work does. Resolves at once where nothing is left to do. */
  async wait(instance: LiveInstance, holder: Holder): Promise<void> {
    this.#awaited.set(holder, instance)
    try {
      await this.#work.get(instance)
    } finally {
      this.#awaited.delete(holder)
    }
  }

  awaitedBy(holder: Holder): LiveInstance | undefined {
    return this.#awaited.get(holder)
  }

  /** Nobody holds it any more: whether it opens does not matter. */
  forget(instance: LiveInstance): void {
    this.#work.delete(instance)
  }

  /** Resolves when all that are being opened now are open, or failed. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#work.values())
  }
}
