/**
 * How many connections refreshes use at once, and which of them slow shapes may take: never the last one, so that a
 * fast query does not wait for a slow one, unless there is only one.
 */
export class Lanes {
  readonly #most: number
  #shared = 0
  #apart = 0

  constructor(most: number) {
    this.#most = most
  }

  /** Connections that may begin now, for slow shapes (`isApart`) or for the others. */
  free(isApart: boolean): number {
    const free = this.#most - this.#shared - this.#apart
    return isApart ? Math.min(free, Math.max(1, this.#most - 1) - this.#apart) : free
  }

  take(isApart: boolean): void {
    if (isApart) this.#apart += 1
    else this.#shared += 1
  }

  release(isApart: boolean): void {
    if (isApart) this.#apart -= 1
    else this.#shared -= 1
  }
}
