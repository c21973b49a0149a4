import { randomBytes } from 'node:crypto'
import { literalOf } from '../util/parameter-text.js'
import type { Shape } from './shape.js'
import type { ParameterRow } from './together.js'

/** Names are this process's own: behind a pooler several processes share a server's connection. */
const PREFIX = `pg_realtime_${randomBytes(5).toString('hex')}`
const MOST_ON_CONNECTION = 200

/**
 * The shapes that are prepared on one connection. A statement stays prepared though its transaction is undone, and to remove
 * one that is not there is an error: what must hold is that no name is removed twice.
 */
export class PreparedNames {
  readonly #names = new Map<Shape, string>()
  /** Names of no shape any more, whose statements are still there. */
  readonly #unwanted: string[] = []

  /** The name under which the shape is prepared; undefined if it is not. */
  of(shape: Shape): string | undefined {
    const name = this.#names.get(shape)
    if (name === undefined) return undefined
    this.#names.delete(shape)
    this.#names.set(shape, name)
    return name
  }

  /** A statement that prepares the shape, which becomes known when it has run. */
  prepare(shape: Shape): { readonly statement: string; readonly done: () => void } {
    const name = `${PREFIX}_${shape.id}_${(counter += 1)}`
    return {
      // The line break ends a comment at the end of the query.
      statement: `PREPARE ${name} AS ${shape.plan.sql}\n`,
      done: () => this.#names.set(shape, name),
    }
  }

  /** Statements that remove what is not wanted any more, for the message that prepares those of `shapes` which are not. */
  makeRoom(shapes: ReadonlySet<Shape>): readonly string[] {
    const missing = [...shapes].filter((shape) => !this.#names.has(shape))
    let excess = this.#names.size + missing.length - MOST_ON_CONNECTION
    for (const shape of this.#names.keys()) {
      if (excess <= 0) break
      if (shapes.has(shape)) continue
      this.forget(shape)
      excess -= 1
    }
    return removalOf(this.#unwanted.splice(0))
  }

  forget(shape: Shape): void {
    const name = this.#names.get(shape)
    if (name === undefined) return
    this.#names.delete(shape)
    this.#unwanted.push(name)
  }

  /** Statements that remove every name, for a connection that is not ours after the transaction. */
  removal(): readonly string[] {
    return removalOf([...this.#unwanted, ...this.#names.values()])
  }
}

function removalOf(names: readonly string[]): readonly string[] {
  return names.map((name) => `DEALLOCATE ${name}`)
}

/** Runs a prepared shape. */
export function executionOf(name: string, parameters: ParameterRow): string {
  const values = parameters.map(literalOf)
  return values.length === 0 ? `EXECUTE ${name}` : `EXECUTE ${name}(${values.join(', ')})`
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
