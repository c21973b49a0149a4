/** A set of callbacks, in the order of their registration. One that throws does not keep the others from being called. */
export class Listeners<Event> {
  /** Most have one callback, or none, and a set takes more memory than all else here. */
  #only: Entry<Event> | undefined
  #all: Set<Entry<Event>> | undefined
  readonly #onError: (error: unknown) => void

  constructor(onError: (error: unknown) => void) {
    this.#onError = onError
  }

  get size(): number {
    return this.#all?.size ?? (this.#only ? 1 : 0)
  }

  /** Returns the callback's removal. The same function may be added twice. */
  add(call: (event: Event) => void): () => void {
    const entry = { call }
    if (this.#all) this.#all.add(entry)
    else if (this.#only) this.#all = new Set([this.#only, entry])
    else this.#only = entry
    return () => this.#remove(entry)
  }

  emit(event: Event): void {
    for (const { call } of this.#entries()) {
      try {
        call(event)
      } catch (error) {
        this.#onError(error)
      }
    }
  }

  clear(): void {
    this.#only = undefined
    this.#all = undefined
  }

  #remove(entry: Entry<Event>): void {
    if (this.#all) this.#all.delete(entry)
    else if (this.#only === entry) this.#only = undefined
  }

  #entries(): readonly Entry<Event>[] {
    if (this.#all) return [...this.#all]
    return this.#only ? [this.#only] : []
  }
}

interface Entry<Event> {
  readonly call: (event: Event) => void
}
