import type { CatalogRelation } from './catalog/relations.js'

const TABLEOID = -6

/** The names of columns by their numbers, and of those that they are computed from. */
export function columnNames(
  { columns: all, descendants }: Pick<CatalogRelation, 'columns' | 'descendants'>,
  used: ReadonlySet<number>,
): ReadonlySet<string> | 'all' {
  // Whole rows, and system columns: every UPDATE changes xmin, and any may move a row to a partition of another tableoid.
  if ([...used].some((number) => number <= 0 && (number !== TABLEOID || descendants.length > 0))) return 'all'
  const names = new Set<string>()
  for (const column of all) {
    if (!used.has(column.number)) continue
    names.add(column.name)
    // A captured row has no value for a virtual column: changes show in the columns that it is computed from.
    for (const source of column.computedFrom ?? [])
      names.add(all.find(({ number }) => number === source)?.name ?? column.name)
  }
  return names
}
