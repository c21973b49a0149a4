import { deferred, type Deferred } from './deferred.js'

/** A promise that is settled from outside once, and holds nothing but its outcome from then on. */
export class Eventual<T> {
  readonly promise: Promise<T>
  #pending: Deferred<T> | undefined

  constructor() {
    this.#pending = deferred<T>()
    this.promise = this.#pending.promise
  }

  resolve(value: T): void {
    this.#pending?.resolve(value)
    this.#pending = undefined
  }

  reject(error: unknown): void {
    this.#pending?.reject(error)
    this.#pending = undefined
  }
}
