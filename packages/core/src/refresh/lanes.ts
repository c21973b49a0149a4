/** Connections for the two kinds of shapes: slow ones, which run apart, and all others. */
interface Allotment {
  readonly shared: number
  readonly apart: number
}

/**
 * How many connections refreshes use at once, and for what. Slow shapes never take the last one, so that a fast query does
 * not wait for a slow one; and where slow ones wait, the others leave them one. A single connection is theirs by turns.
 */
export class Lanes {
  readonly #most: number
  #shared = 0
  #apart = 0
  #wasApart = true

  constructor(most: number) {
    this.#most = most
  }

  /** Connections that may begin now, for slow shapes (`isApart`) or for the others, if only they wait. */
  free(isApart: boolean): number {
    const free = this.#most - this.#shared - this.#apart
    return isApart ? Math.min(free, Math.max(1, this.#most - 1) - this.#apart) : free
  }

  /** How the connections that may begin now are shared out, where so many have work. */
  allot(wanted: Allotment): Allotment {
    const forApart = Math.min(wanted.apart, this.free(true))
    const isApartsTurn = this.#most === 1 ? !this.#wasApart : this.#apart === 0
    const reserved = forApart > 0 && isApartsTurn ? 1 : 0
    const shared = Math.min(wanted.shared, this.free(false) - reserved)
    return { shared, apart: Math.min(forApart, this.free(false) - shared) }
  }

  take(isApart: boolean): void {
    if (isApart) this.#apart += 1
    else this.#shared += 1
    this.#wasApart = isApart
  }

  release(isApart: boolean): void {
    if (isApart) this.#apart -= 1
    else this.#shared -= 1
  }
}
