import type pg from 'pg'
import type { QueryCase } from '../case.js'
import { builder } from '../query/kysely.js'
import { literal } from '../schema/schema.js'
import { parameterValue } from '../../src/util/parameter-text.js'
import { compileQuery } from './replay.js'

/**
 * Says cheaply which results may have changed: each query is prepared once, as one whose only value is a digest of all
 * of its rows, and all of them run in one message. Equal digests are equal results; different ones are worth a look.
 */
export class Digests {
  readonly #reader: pg.Client
  /** How each query is executed; undefined for one that cannot be prepared, whose digest is never known. */
  readonly #statements = new Map<QueryCase, string | undefined>()
  #isSet = false

  constructor(reader: pg.Client) {
    this.#reader = reader
  }

  /** Digests by the id of the query, where they are known.*/
  async read(queries: readonly QueryCase[]): Promise<ReadonlyMap<string, string>> {
    for (const query of queries) if (!this.#statements.has(query)) await this.#prepare(query)
    const prepared = queries.filter((query) => this.#statements.get(query) !== undefined)
    if (prepared.length === 0) return new Map()
    const results = await this.#executeAll(prepared.map((query) => this.#statements.get(query)!))
    return new Map(prepared.flatMap(({ id }, index) => (results[index] === undefined ? [] : [[id, results[index]]])))
  }

  /** One query that fails spoils all: then nothing is known this time. */
  async #executeAll(statements: readonly string[]): Promise<readonly (string | undefined)[]> {
    try {
      const text = `begin isolation level repeatable read read only; ${statements.join('; ')}; commit`
      const answer: unknown = await this.#reader.query({ text, rowMode: 'array' })
      const all = answer as { readonly rows: readonly (readonly string[])[] }[]
      return all.slice(1, -1).map(({ rows }) => rows[0]?.[0])
    } catch {
      await this.#reader.query('rollback')
      return []
    }
  }

  async #prepare(query: QueryCase): Promise<void> {
    if (!this.#isSet) await this.#reader.query('set plan_cache_mode = force_generic_plan')
    this.#isSet = true
    this.#statements.set(query, undefined)
    // Another role sees other rows, and sets what it sees them by.
    if (query.scope) return
    const { sql, parameters } = compileQuery(builder, query)
    const name = `digest_${this.#statements.size}`
    const order = query.compare.ordered ? '' : ' order by q::text collate "C"'
    try {
      const rows = `select q from (${sql}) q offset 0`
      await this.#reader.query(
        `prepare ${name} as select coalesce(md5(string_agg(q::text, e'\\n'${order})), '') || count(*) from (${rows}) rows`,
      )
      const values = parameters.map(valueLiteral)
      this.#statements.set(query, `execute ${name}${values.length > 0 ? `(${values.join(', ')})` : ''}`)
    } catch {
      // It is run anew in each round.
    }
  }
}

function valueLiteral(value: unknown): string {
  const prepared = parameterValue(value)
  if (prepared === null || prepared === undefined) return 'null'
  return literal(Buffer.isBuffer(prepared) ? `\\x${prepared.toString('hex')}` : String(prepared))
}
