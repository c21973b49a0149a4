import type { PlanTable } from '../analyze/plan.js'
import type { RowChange, TextRow } from '../change.js'
import { changedColumns } from './router.js'
import type { ChangeEvent } from './refresh-option.js'
import type { Names } from './names.js'

export type TypeParsers = (typeOid: number) => (text: string) => unknown

/** Makes a captured change what a `refresh` function sees: the values that the query itself would return. */
export async function decodeChange<DB>(
  table: PlanTable,
  change: RowChange,
  parsers: TypeParsers,
  names: Names,
): Promise<ChangeEvent<DB>> {
  const oldRow = change.oldRow && decodeRow(table, change.oldRow, change.hashed, parsers)
  const newRow = change.newRow && decodeRow(table, change.newRow, change.hashed, parsers)
  const changes: Record<string, readonly [unknown, unknown]> = {}
  for (const column of columnsOf(change)) changes[column] = [oldRow?.[column] ?? null, newRow?.[column] ?? null]
  const hashed = await names.toRow(Object.fromEntries([...change.hashed].map((column) => [column, null])))
  return {
    operation: change.operation,
    table: (await names.toKey(table)) as keyof DB & string,
    row: await names.toRow({ ...(newRow ?? oldRow) }),
    changes: (await names.toRow(changes)) as Record<string, readonly [unknown, unknown]>,
    hashed: new Set(Object.keys(hashed)),
  }
}

function columnsOf(change: RowChange): Iterable<string> {
  return change.operation === 'update' ? changedColumns(change) : Object.keys(change.newRow ?? change.oldRow ?? {})
}

/** Digests of large values stay as they are: parsing them as the column's type would fail. */
export function decodeRow(
  table: PlanTable,
  row: TextRow,
  hashed: ReadonlySet<string>,
  parsers: TypeParsers,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(row).map(([column, text]) => {
      const type = table.columnTypes[column]
      const isPlain = text === null || hashed.has(column) || type === undefined
      return [column, isPlain ? text : parsers(type)(text)]
    }),
  )
}
