/**
 * Several instances of one shape as one statement. With an ORDER BY, which is run for one instance after the other, all rows
 * of an instance are written as one text; without one, PostgreSQL may join the parameters in any way:
 *
 *   select e.*, p.k, t.t from rows from (unnest('{…}'::int[]), unnest('{…}'::text[])) with ordinality as p(p1, p2, k)
 *     cross join lateral (select string_agg(q::text, '') as t from (<the query with $1 → p.p1>) q) t
 *     left join lateral (<the query>) e on false
 *
 *   select q.*, p.k from rows from (…) with ordinality as p(p1, p2, k) cross join lateral (<the query>) q
 *
 * What must hold: each instance's rows are those that the query alone returns, in the query's own order and with the
 * query's own columns. `e` has no rows, it tells the columns. A row's text has each value as it is sent alone.
 */
import { createHash } from 'node:crypto'
import type { Plan } from '../analyze/plan.js'
import { arrayText, literalOf, parameterText } from '../util/parameter-text.js'
import { replaceParameters } from '../util/sql-text.js'
import type { RawContent, RawField, RawRow, Refreshable } from './contract.js'
import { fieldsOf, type TextResult } from './run-query.js'

/** One row of parameters, as PostgreSQL would read them. */
export type ParameterRow = readonly (string | null)[]

const MOST_PARAMETERS = 100

/** Undefined where only `pg` itself can send one of them. */
export function parameterRow({ parameters, plan }: Pick<Refreshable, 'parameters' | 'plan'>): ParameterRow | undefined {
  const row: (string | null)[] = []
  for (const [index, value] of parameters.entries()) {
    const text = parameterText(value, plan.parameterTypes[index])
    if (text === undefined) return undefined
    row.push(text)
  }
  return row
}

export interface TogetherForm {
  /** The statement for these instances, without any parameter of its own. */
  text(instances: readonly ParameterRow[]): string
  /** Each instance's part of the answer; undefined where it cannot be told. Takes the rows apart. */
  split(result: TextResult, instances: number): Together | undefined
}

export interface Together {
  /** One list for all. */
  readonly fields: readonly RawField[]
  readonly contents: readonly RawContent[]
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
  const writes = ordered !== false
  // Of raw SQL it is not known whether it orders: it is kept from being merged.
  const body = ordered === undefined ? `select * from (${query}\n) as ${alias}_s offset 0` : `${query}\n`
  const head = writes
    ? `select ${alias}_e.*, ${alias}.${alias}_k, ${alias}_t.${alias}_t from rows from (`
    : `select ${alias}_q.*, ${alias}.${alias}_k from rows from (`
  const text = `select pg_catalog.string_agg(${alias}_q::pg_catalog.text, '') as ${alias}_t from (${body}) as ${alias}_q`
  const source = writes
    ? `(${text}) as ${alias}_t left join lateral (${body}) as ${alias}_e on false`
    : `(${body}) as ${alias}_q`
  const tail = `) with ordinality as ${alias}(${[...names, `${alias}_k`].join(', ')}) cross join lateral ${source}`
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
    split: writes ? splitTexts : splitRows,
  }
}

/** A name that is made of the query's own text cannot stand in it. */
export function nameApart(sql: string): string {
  return `pgr_${createHash('sha256').update(sql).digest('hex').slice(0, 16)}`
}

function isArray(type: string): boolean {
  return type.endsWith('[]')
}

const NO_ROWS: RawContent = { kind: 'text', text: '' }

/** Of each instance one row, which ends with its number and its text. */
function splitTexts(result: TextResult, instances: number): Together | undefined {
  const contents = Array.from({ length: instances }, () => NO_ROWS)
  if (result.rows.length !== instances) return undefined
  for (const row of result.rows) {
    const text = row.at(-1)
    if (typeof text === 'string') contents[Number(row.at(-2)) - 1] = { kind: 'text', text }
  }
  return { fields: fieldsOf(result).slice(0, -2), contents }
}

/** The rows of each instance, in any order; takes the instance's number, which is their last value, off them. */
function splitRows(result: TextResult, instances: number): Together {
  const split: RawRow[][] = Array.from({ length: instances }, () => [])
  for (const row of result.rows) split[Number(row.pop()) - 1]!.push(row)
  return { fields: fieldsOf(result).slice(0, -1), contents: split.map((rows) => ({ kind: 'rows', rows })) }
}
