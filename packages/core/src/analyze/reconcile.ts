import type { TreeOccurrence, TreeReading } from './ast/read-tree.js'
import { columnNames } from './column-names.js'
import type { RelationUse } from './dependencies.js'
import type { LinkedColumn, Occurrence, PlanTable } from './plan.js'

export interface Reconciled {
  readonly occurrences: readonly Occurrence[]
  readonly disagreements: readonly string[]
}

/**
 * Compares the tree with the catalog, and takes the larger set. What must hold afterwards: if there are occurrences at
 * all, every table of the plan has one for each way in which its rows reach the result; the ways that the tree does not
 * show have one without conditions.
 */
export function reconcile(
  reading: TreeReading | undefined,
  tables: readonly (readonly [PlanTable, RelationUse])[],
): Reconciled {
  if (reading === undefined) return { occurrences: [], disagreements: [] }
  if (reading.failure !== undefined) {
    return { occurrences: [], disagreements: [`The Kysely tree could not be read: ${reading.failure}`] }
  }
  const unknown = reading.unknown.map(
    ({ schema, name }) =>
      `The Kysely tree names ${schema === undefined ? name : `${schema}.${name}`}, which PostgreSQL does not see in the query`,
  )
  const hidden = tables
    .filter(([, use]) => isHidden(reading, use))
    .map(([table]) => `PostgreSQL sees ${table.label} in the query where the Kysely tree shows only raw SQL`)
  return {
    occurrences: tables.flatMap(([table, use]) => tableOccurrences(reading, table, use)),
    disagreements: [...unknown, ...hidden],
  }
}

/** Whether the table stands in more places than the tree shows. */
function isHidden(reading: TreeReading, { relation, inQuery }: RelationUse): boolean {
  return inQuery > (reading.places.get(relation.oid) ?? 0)
}

function tableOccurrences(reading: TreeReading, table: PlanTable, use: RelationUse): readonly Occurrence[] {
  const seen = reading.occurrences.filter((occurrence) => occurrence.relation === table.relation)
  const columns = columnsByOccurrence(reading, table, use, seen)
  const inTree = seen.map(({ reason, ...occurrence }): Occurrence => {
    const conditions = occurrence.conditions.filter(({ column }) => !isVirtual(use, column))
    const isKnown = ({ partner, column }: LinkedColumn): boolean => partner >= 0 || !isVirtual(use, column)
    const isTied = occurrence.links.every(({ left, right }) => isKnown(left) && isKnown(right))
    const partners = isTied ? occurrence.partners : []
    const says = conditions.length + partners.length > 0
    return {
      ...occurrence,
      table: table.label,
      columns: columns(occurrence.columns),
      conditions,
      partners,
      links: partners.length > 0 ? occurrence.links : [],
      reason: says ? undefined : (reason ?? 'its conditions are on virtual columns, which changes do not carry'),
    }
  })
  const reasons = [...use.through].map((through) => `it is ${through}`)
  if (isHidden(reading, use)) reasons.push('it stands in raw SQL')
  if (inTree.length + reasons.length === 0) reasons.push('the query mentions it')
  const unseen = reasons.map((reason): Occurrence => {
    const occurrence = { alias: table.name, table: table.label, relation: table.relation, columns: allColumns(table) }
    return { ...occurrence, conditions: [], partners: [], links: [], top: undefined, reason }
  })
  return [...inTree, ...unseen]
}

/** A captured row has no value for a virtual generated column, so nothing can be compared with it. */
function isVirtual({ relation }: RelationUse, column: string): boolean {
  return relation.columns.some(({ name, computedFrom }) => name === column && computedFrom !== null)
}

/**
 * The catalog knows the columns of a table, the tree which occurrence uses which: a column that the tree does not
 * explain, or that decides which rows the role sees, counts for every occurrence, and all of them do where raw SQL may
 * name them.
 */
function columnsByOccurrence(
  reading: TreeReading,
  table: PlanTable,
  { relation, policyColumns }: RelationUse,
  seen: readonly TreeOccurrence[],
): (used: ReadonlySet<string>) => readonly string[] {
  const all = allColumns(table)
  const rawMayName = [table.name, '*', ...seen.map(({ alias }) => alias), ...all].some((name) =>
    reading.rawNames.has(name),
  )
  if (rawMayName || seen.length === 1) return () => all
  const namesOf = (used: ReadonlySet<string>): ReadonlySet<string> => {
    const numbers = relation.columns.filter(({ name }) => used.has(name)).map(({ number }) => number)
    const names = columnNames(relation, new Set([...numbers, ...policyColumns]))
    return names === 'all' ? new Set(all) : names
  }
  const explained = new Set(seen.flatMap(({ columns }) => [...namesOf(columns)]))
  return (used) => {
    const own = namesOf(used)
    return all.filter((column) => own.has(column) || !explained.has(column))
  }
}

function allColumns({ columns, columnTypes }: PlanTable): readonly string[] {
  return columns === 'all' ? Object.keys(columnTypes) : [...columns]
}
