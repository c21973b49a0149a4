import pg, { type ClientConfig } from 'pg'

type Query = (...parameters: unknown[]) => Promise<unknown>

/**
 * A client for several users at once: each query waits for the one before. `pg` itself warns when queries overlap, and
 * will refuse them. Promises only, no callbacks.
 */
export class SerialClient extends pg.Client {
  #last: Promise<unknown> = Promise.resolve()

  constructor(config: ClientConfig) {
    super(config)
    const query = this.query.bind(this) as unknown as Query
    const serial: Query = (...parameters) => {
      const result = this.#last.then(() => query(...parameters))
      this.#last = result.catch(() => {})
      return result
    }
    this.query = serial as unknown as typeof this.query
  }
}
