import { randomBytes } from 'node:crypto'
import type { Shape } from './shape.js'

/** Names are this process's own: behind a pooler several processes share a server's connection. */
const PREFIX = `pg_realtime_${randomBytes(5).toString('hex')}`
const MOST_ON_CONNECTION = 200

/** The shapes that are prepared on one connection. */
export class PreparedNames {
  readonly #names = new Map<Shape, string>()

  /** The name under which the shape is prepared; undefined if it is not. */
  of(shape: Shape): string | undefined {
    const name = this.#names.get(shape)
    if (name === undefined) return undefined
    this.#names.delete(shape)
    this.#names.set(shape, name)
    return name
  }

  /** Statements that prepare the shape, which becomes known when they have run. */
  prepare(shape: Shape): { readonly statements: readonly string[]; readonly done: () => void } {
    const name = `${PREFIX}_${shape.id}_${(counter += 1)}`
    const [oldest] = this.#names.size >= MOST_ON_CONNECTION ? this.#names : []
    return {
      // The line break ends a comment at the end of the query.
      statements: [...(oldest ? [`DEALLOCATE ${oldest[1]}`] : []), `PREPARE ${name} AS ${shape.plan.sql}\n`],
      done: () => {
        if (oldest) this.#names.delete(oldest[0])
        this.#names.set(shape, name)
      },
    }
  }

  forget(shape: Shape): void {
    this.#names.delete(shape)
  }

  /** Statements that remove every name, for a connection that is not ours after the transaction. */
  removal(): readonly string[] {
    return [...this.#names.values()].map((name) => `DEALLOCATE ${name}`)
  }
}

let counter = 0

/**
 * Where prepared statements live. On a connection of the application's own they stay for later ticks; behind a pooler
 * that hands connections out for one transaction each, they end with the transaction.
 */
export class PreparedStatements {
  readonly #connections = new WeakMap<object, PreparedNames>()
  #arePooled: boolean

  constructor(arePooled: boolean) {
    this.#arePooled = arePooled
  }

  get arePooled(): boolean {
    return this.#arePooled
  }

  on(client: object): PreparedNames {
    if (this.#arePooled) return new PreparedNames()
    let names = this.#connections.get(client)
    if (!names) this.#connections.set(client, (names = new PreparedNames()))
    return names
  }

  /** A name was gone, or was there already: somebody shares the connections out, or cleans them up. */
  distrust(): void {
    this.#arePooled = true
  }
}
