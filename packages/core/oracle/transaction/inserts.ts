import type { Random } from '../random.js'
import { columnValues, KEY_DOMAIN, writtenValue } from '../schema/columns.js'
import { identifier, literal, qualified, type Column, type Relation } from '../schema/schema.js'

/** SQL for a value of `column`. A reference takes a key that exists when the statement runs, or NULL. */
export function writtenSql(random: Random, column: Column): string {
  if (!column.references) return literal(writtenValue(random, column))
  return existingKey(
    column,
    random.pick(column.type === 'int4' || column.type === 'int8' ? KEY_DOMAIN : columnValues(column)),
  )
}

function existingKey(column: Column, value: string): string {
  const { references } = column
  if (!references) return literal(value)
  const key = identifier(references.column)
  return `(select ${key} from ${qualified(references)} where ${key} = ${literal(value)})`
}

export function writtenColumns(relation: Relation): Column[] {
  return relation.columns.filter((column) => !column.generated)
}

/** Inserts up to `count` rows; what conflicts is left alone. */
export function insertRows(
  random: Random,
  relation: Relation,
  count: number,
  conflict = 'on conflict do nothing',
): string {
  const columns = writtenColumns(relation)
  const rows = Array.from(
    { length: count },
    () => `(${columns.map((column) => writtenSql(random, column)).join(', ')})`,
  )
  const names = columns.map((column) => identifier(column.name)).join(', ')
  return `insert into ${qualified(relation)} (${names}) values ${rows.join(', ')} ${conflict}`.trimEnd()
}
