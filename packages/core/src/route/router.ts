import type { PlanTable } from '../analyze/plan.js'
import type { Change, RelationId, RowChange } from '../change.js'
import type { Hit, Routable } from './contract.js'

/** Finds the live queries that a batch can affect, by table, operation and column. */
export class Router<Query extends Routable> {
  readonly #routes = new Map<RelationId, Map<PlanTable, Set<Query>>>()

  add(query: Query): void {
    for (const table of query.plan.tables) {
      for (const relation of table.family) {
        const byTable = getOrCreate(this.#routes, relation, () => new Map<PlanTable, Set<Query>>())
        getOrCreate(byTable, table, () => new Set<Query>()).add(query)
      }
    }
  }

  /** Must be called with the plan that the query was added with. */
  remove(query: Query): void {
    for (const table of query.plan.tables) {
      for (const relation of table.family) {
        const byTable = this.#routes.get(relation)
        const queries = byTable?.get(table)
        if (!byTable || !queries?.delete(query)) continue
        if (queries.size === 0) byTable.delete(table)
        if (byTable.size === 0) this.#routes.delete(relation)
      }
    }
  }

  route(changes: readonly Change[]): Map<Query, Hit> {
    const hits = new Map<Query, Hit>()
    for (const change of changes) {
      const changed = change.kind === 'row' ? changedColumns(change) : undefined
      for (const [table, queries] of this.#routes.get(change.relation) ?? []) {
        const columns = touchedColumns(table, change, changed)
        if (!columns) continue
        for (const query of queries) addToHit(hits, query, table, change, columns)
      }
    }
    return hits
  }
}

const EVERY_COLUMN: readonly string[] = []

/** The plan's columns that an UPDATE touches; undefined when it touches none, so that the change cannot matter. */
function touchedColumns(
  table: PlanTable,
  change: Change,
  changed: ReadonlySet<string> | undefined,
): readonly string[] | undefined {
  if (change.kind !== 'row' || change.operation !== 'update' || !changed) return EVERY_COLUMN
  if (table.ancestors.includes(change.relation)) return [...changed]
  if (table.columns === 'all') return changed.size > 0 ? [...changed] : undefined
  const touched = [...table.columns].filter((column) => changed.has(column) || isUnseen(change, column))
  return touched.length > 0 ? touched : undefined
}

/** Columns whose text differs between the two images, and those whose text is only a digest or a mark. */
export function changedColumns(change: RowChange): ReadonlySet<string> {
  const { oldRow = {}, newRow = {} } = change
  const changed = new Set<string>()
  for (const column of new Set([...Object.keys(oldRow), ...Object.keys(newRow)])) {
    if (oldRow[column] !== newRow[column]) changed.add(column)
  }
  for (const column of change.hashed) {
    // Too large even for a digest, or excluded: neither image says whether it changed.
    if ((oldRow[column] ?? null) === null && (newRow[column] ?? null) === null) changed.add(column)
  }
  return changed
}

/** A column that neither image carries, because it is excluded from the log: any UPDATE may have changed it. */
function isUnseen(change: RowChange, column: string): boolean {
  return change.oldRow?.[column] === undefined && change.newRow?.[column] === undefined
}

function addToHit<Query extends Routable>(
  hits: Map<Query, Hit>,
  query: Query,
  table: PlanTable,
  change: Change,
  columns: readonly string[],
): void {
  const hit = getOrCreate(hits, query, (): Hit => ({ reasons: [], certain: false, undecided: [] }))
  const operation = change.kind === 'row' ? change.operation : change.kind
  if (hit.reasons.length < 5) hit.reasons.push({ kind: 'change', table: table.label, operation, columns })
  if (change.kind !== 'row' || !query.filter) hit.certain = true
  else if (!hit.certain) hit.undecided.push({ table, change })
}

function getOrCreate<Key, Value>(map: Map<Key, Value>, key: Key, create: () => Value): Value {
  let value = map.get(key)
  if (value === undefined) map.set(key, (value = create()))
  return value
}
