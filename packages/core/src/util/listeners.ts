import { countOf, membersOf, withMember, withoutMember, type Few } from './few.js'

/** A set of callbacks, in the order of their registration. One that throws does not keep the others from being called. */
export class Listeners<Event> {
  #entries: Few<Entry<Event>>
  readonly #onError: (error: unknown) => void

  constructor(onError: (error: unknown) => void) {
    this.#onError = onError
  }

  get size(): number {
    return countOf(this.#entries)
  }

  /** Returns the callback's removal. The same function may be added twice. */
  add(call: (event: Event) => void): () => void {
    const entry = { call }
    this.#entries = withMember(this.#entries, entry)
    return () => {
      this.#entries = withoutMember(this.#entries, entry)
    }
  }

  emit(event: Event): void {
    for (const { call } of membersOf(this.#entries)) {
      try {
        call(event)
      } catch (error) {
        this.#onError(error)
      }
    }
  }

  clear(): void {
    this.#entries = undefined
  }
}

interface Entry<Event> {
  readonly call: (event: Event) => void
}
