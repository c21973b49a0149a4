import type { Plan, RereadKey } from '../analyze/plan.js'
import { imageValue } from '../route/conditions.js'
import type { RoutedChange } from '../route/contract.js'
import { arrayText } from '../util/parameter-text.js'
import { quoteIdentifier } from '../util/postgres.js'
import type { Touched } from './contract.js'
import { nameApart } from './together.js'

/** A statement for those rows alone. */
export interface Part {
  readonly touched: Touched
  readonly sql: string
  readonly parameters: readonly unknown[]
}

/** With more, the whole result is about as cheap. */
const MOST_KEYS = 100

/**
 * What must be read again after these changes, which must be all since the present rows. Undefined where that is not known:
 * of a row that another table has a part in, or whose key the log does not carry.
 */
export function partOf(
  { plan, parameters }: { readonly plan: Plan; readonly parameters: readonly unknown[] },
  changes: readonly RoutedChange[],
): Part | undefined {
  const table = changes[0]?.table
  const key = plan.reread?.tables.find(({ relation }) => relation === table?.relation)?.key
  if (!table || !key) return undefined
  const touched = new Map<string, readonly string[]>()
  for (const { table: other, change } of changes) {
    if (other.relation !== table.relation) return undefined
    for (const row of [change.oldRow, change.newRow]) {
      if (row === undefined) continue
      const values = key.map(({ column }) => imageValue(change, row, column))
      if (!values.every((value) => typeof value === 'string')) return undefined
      touched.set(keyOf(values), values)
      if (touched.size > MOST_KEYS) return undefined
    }
  }
  const rows = [...touched.values()]
  const alias = nameApart(plan.sql)
  return {
    touched: { key, keys: new Set(touched.keys()) },
    // The line break ends a comment at the end of the query.
    sql: `select * from (${plan.sql}\n) as ${alias} where ${conditionOf(alias, key, rows.length, parameters.length)}`,
    parameters: [...parameters, ...(key.length === 1 ? [arrayText(rows.flat())] : rows.flat())],
  }
}

export function keyOf(values: readonly string[]): string {
  return values.length === 1 ? values[0]! : values.join('\0')
}

/** A condition that PostgreSQL takes into the query, also into one with ORDER BY, which keeps a join out. */
function conditionOf(alias: string, key: readonly RereadKey[], rows: number, parameters: number): string {
  const columns = key.map(({ name, type }) => ({ column: `${alias}.${quoteIdentifier(name)}`, type }))
  let number = parameters
  const [only] = columns.length === 1 ? columns : []
  if (only) return `${only.column} operator(pg_catalog.=) any ($${(number += 1)}::${only.type}[])`
  const isRow = () =>
    columns.map(({ column, type }) => `${column} operator(pg_catalog.=) $${(number += 1)}::${type}`).join(' and ')
  return Array.from({ length: rows }, () => `(${isRow()})`).join(' or ')
}
