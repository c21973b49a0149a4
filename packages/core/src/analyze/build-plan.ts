import type { ClientBase } from 'pg'
import type { TreeReading } from './ast/read-tree.js'
import { columnNames } from './column-names.js'
import { isTable, type Dependencies, type RelationUse } from './dependencies.js'
import { fingerprintOf, readSchemaState } from './fingerprint.js'
import { parseNodeTree } from './node-tree.js'
import type { ParsedQuery } from './parse-query.js'
import type { AssumedObjects, Plan, PlanTable } from './plan.js'
import { reconcile } from './reconcile.js'
import { isOrdered, rereadOf } from './reread.js'

/** Puts together what the catalog and the Kysely tree say. */
export async function buildPlan(
  client: ClientBase,
  { sql, role }: { readonly sql: string; readonly role: number },
  { parameterTypes, stored }: ParsedQuery,
  dependencies: Dependencies,
  reading: TreeReading | undefined,
): Promise<Plan> {
  const uses = [...dependencies.relations.values()].filter(({ relation }) => isTable(relation))
  const tables = uses.map((use): readonly [PlanTable, RelationUse] => [planTable(use), use])
  const assumed = assumedObjects(dependencies, role)
  const tree = parseNodeTree(stored.tree)
  const ordered = isOrdered(tree, reading === undefined)
  return {
    sql,
    parameterTypes,
    tables: tables.map(([table]) => table),
    timeDependent: [...dependencies.clocks],
    unwatchable: [...dependencies.unwatchable],
    opaqueFunctions: [...dependencies.opaqueFunctions],
    ...reconcile(reading, tables),
    ordered,
    reread: rereadOf(tree, dependencies, ordered),
    fingerprint: fingerprintOf(await readSchemaState(client, assumed), assumed),
    assumed,
  }
}

function planTable({ relation, columns }: RelationUse): PlanTable {
  const { oid, schema, name, label, descendants, ancestors } = relation
  return {
    relation: oid,
    schema,
    name,
    label,
    columns: columnNames(relation, columns),
    family: [oid, ...descendants, ...ancestors],
    ancestors,
    columnTypes: Object.fromEntries(relation.columns.map((column) => [column.name, column.type])),
    comparable: Object.fromEntries(relation.columns.map((column) => [column.name, column.comparable])),
  }
}

function assumedObjects(dependencies: Dependencies, role: number): AssumedObjects {
  const relations = new Set<number>()
  for (const { relation } of dependencies.relations.values()) {
    for (const member of [relation.oid, ...relation.descendants, ...relation.ancestors]) relations.add(member)
  }
  return {
    relations: [...relations].toSorted(ascending),
    functions: [...dependencies.functions].toSorted(ascending),
    roles: [role],
  }
}

function ascending(a: number, b: number): number {
  return a - b
}
