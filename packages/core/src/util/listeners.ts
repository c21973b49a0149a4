/** A set of callbacks, in the order of their registration. One that throws does not keep the others from being called. */
export class Listeners<Event> {
  readonly #callbacks = new Set<{ readonly call: (event: Event) => void }>()
  readonly #onError: (error: unknown) => void

  constructor(onError: (error: unknown) => void) {
    this.#onError = onError
  }

  get size(): number {
    return this.#callbacks.size
  }

  /** Returns the callback's removal. The same function may be added twice. */
  add(call: (event: Event) => void): () => void {
    const entry = { call }
    this.#callbacks.add(entry)
    return () => {
      this.#callbacks.delete(entry)
    }
  }

  emit(event: Event): void {
    for (const { call } of [...this.#callbacks]) {
      try {
        call(event)
      } catch (error) {
        this.#onError(error)
      }
    }
  }

  clear(): void {
    this.#callbacks.clear()
  }
}
