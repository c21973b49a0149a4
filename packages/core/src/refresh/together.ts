/**
 * Several instances of one shape as one statement:
 *
 *   select q.*, p.k from rows from (unnest('{…}'::int[]), unnest('{…}'::text[])) with ordinality as p(p1, p2, k)
 *     cross join lateral (<the query with $1 → p.p1>) q
 *
 * What must hold: each instance's rows are those that the query alone returns, in the query's own order and with the
 * query's own columns. An ORDER BY keeps a subquery from being merged into the statement, so that it is run for one
 * instance after the other; whether that happened shows in the answer, because instances do not mix.
 */
import { createHash } from 'node:crypto'
import type { Plan } from '../analyze/plan.js'
import { arrayText, literalOf } from '../util/parameter-text.js'
import { replaceParameters } from '../util/sql-text.js'
import type { RawRow } from './contract.js'

/** One row of parameters, as PostgreSQL would read them. */
export type ParameterRow = readonly (string | null)[]

const MOST_PARAMETERS = 100

export interface TogetherForm {
  /** The statement for these instances, without any parameter of its own. */
  text(instances: readonly ParameterRow[]): string
}

/** Undefined for shapes that mean something else when they are run for several instances at once. */
export function togetherForm({
  sql,
  parameterTypes,
  ordered,
  timeDependent,
  opaqueFunctions,
}: Plan): TogetherForm | undefined {
  // What does not depend on the instance is computed once a statement: random() would be the same for all.
  if (timeDependent.length > 0 || opaqueFunctions.length > 0) return undefined
  if (parameterTypes.length === 0 || parameterTypes.length > MOST_PARAMETERS) return undefined
  const alias = nameApart(sql)
  const columns = parameterTypes.map((type) => (isArray(type) ? 'pg_catalog.text[]' : `${type}[]`))
  const names = parameterTypes.map((_, index) => `${alias}_${index + 1}`)
  const query = replaceParameters(sql, (number) => {
    const name = `${alias}.${names[number - 1]}`
    const type = parameterTypes[number - 1] ?? 'pg_catalog.text'
    // unnest() flattens arrays: they travel as text.
    return isArray(type) ? `(${name}::${type})` : `(${name})`
  })
  // Of raw SQL it is not known whether it orders: it is kept from being merged.
  const body = ordered === undefined ? `select * from (${query}\n) as ${alias}_s offset 0` : `${query}\n`
  const [head, tail] = [
    `select ${alias}_q.*, ${alias}.${alias}_k from rows from (`,
    `) with ordinality as ${alias}(${[...names, `${alias}_k`].join(', ')}) cross join lateral (${body}) as ${alias}_q`,
  ]
  return {
    text: (instances) =>
      head +
      columns
        .map(
          (type, index) =>
            `pg_catalog.unnest(${literalOf(arrayText(instances.map((row) => row[index] ?? null)))}::${type})`,
        )
        .join(', ') +
      tail,
  }
}

/** A name that is made of the query's own text cannot stand in it. */
export function nameApart(sql: string): string {
  return `pgr_${createHash('sha256').update(sql).digest('hex').slice(0, 16)}`
}

function isArray(type: string): boolean {
  return type.endsWith('[]')
}

/**
 * The rows of each instance; takes the instance's number, which is their last value, off them. Undefined where rows of
 * several instances are mixed although the query orders them: their order is not to be relied on then.
 */
export function splitRows(
  rows: readonly (string | null)[][],
  instances: number,
  ordered: boolean | undefined,
): readonly RawRow[][] | undefined {
  const split: RawRow[][] = Array.from({ length: instances }, () => [])
  let last = 0
  for (const row of rows) {
    const number = Number(row.pop())
    if (number < last && ordered !== false) return undefined
    last = number
    split[number - 1]!.push(row)
  }
  return split
}
