import type { CatalogColumn } from './catalog/relations.js'

const TABLEOID = -6

/** The names of columns by their numbers, and of those that they are computed from. */
export function columnNames(all: readonly CatalogColumn[], used: ReadonlySet<number>): ReadonlySet<string> | 'all' {
  // Whole rows, and system columns such as xmin, which every UPDATE changes; only moving a row changes its tableoid.
  if ([...used].some((number) => number <= 0 && number !== TABLEOID)) return 'all'
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
