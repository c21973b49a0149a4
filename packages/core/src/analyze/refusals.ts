import {
  NotASelectError,
  OpaqueFunctionError,
  PermissionDeniedError,
  TimeDependentQueryError,
  UnwatchableRelationError,
} from '../errors.js'
import { abbreviate, quoteIdentifier } from '../util/postgres.js'
import type { AnalyzeInput } from './analyze.js'
import type { Dependencies, RelationUse } from './dependencies.js'

/** Throws for a query that cannot be kept current, or whose rows the role may not read. */
export function refuseUnsuitable(input: AnalyzeInput, roleName: string, dependencies: Dependencies): void {
  const about = `\n  query: ${abbreviate(input.sql)}`
  const { writes, opaqueFunctions, unwatchable, clocks } = dependencies
  if (writes.size > 0) {
    throw new NotASelectError(
      `A live query only reads, and this one does more: ${list(writes)}. Do that in a query that is not live.${about}`,
    )
  }
  if (opaqueFunctions.size > 0 && input.dependsOn.length === 0) {
    throw new OpaqueFunctionError(
      [...opaqueFunctions],
      `The query calls ${list(opaqueFunctions)}: its body is text, so PostgreSQL cannot tell which tables it reads. ` +
        `Declare them, as in dependsOn: ['orders']; or mark the function IMMUTABLE if it reads none; or give it a body that ` +
        `PostgreSQL parses (LANGUAGE sql BEGIN ATOMIC … END).${about}`,
    )
  }
  if (unwatchable.size > 0 && !input.acceptsTime) {
    throw new UnwatchableRelationError(
      [...unwatchable],
      `Changes of ${list(unwatchable)} cannot be watched: views are fine, but materialized views, foreign tables, ` +
        `temporary tables, sequences and system catalogs fire no triggers. Query the tables behind it, or refresh by time: ` +
        `refreshEvery: 5000.${about}`,
    )
  }
  if (clocks.size > 0 && !input.acceptsTime) {
    throw new TimeDependentQueryError(
      [...clocks],
      `The result changes without any change in a table, because of ${list(clocks)}. Pass the value as a parameter, or ` +
        `refresh by time: refreshEvery: 60000; refreshEvery: false accepts that time alone refreshes nothing.${about}`,
    )
  }
  for (const use of dependencies.relations.values()) if (use.inQuery > 0) requireReadable(use, roleName, about)
}

/** Parsing checks no rights, and the first refresh would fail less clearly. */
function requireReadable({ relation, columns }: RelationUse, roleName: string, about: string): void {
  const role = quoteIdentifier(roleName)
  if (!relation.schemaUsable) {
    throw new PermissionDeniedError(
      `Permission denied for schema ${relation.schema}: GRANT USAGE ON SCHEMA ${quoteIdentifier(relation.schema)} TO ${role}.${about}`,
    )
  }
  if (relation.readable === 'all') return
  const readable = new Set(relation.readable)
  const used = relation.columns.filter((column) => columns.has(column.number) || columns.has(0))
  const denied = used.filter((column) => !readable.has(column.name))
  if (denied.length === 0 && readable.size > 0) return
  const table = `${quoteIdentifier(relation.schema)}.${quoteIdentifier(relation.name)}`
  throw new PermissionDeniedError(
    `Permission denied for table ${relation.label}${denied.length > 0 ? ` (${denied.map((column) => column.name).join(', ')})` : ''}: ` +
      `GRANT SELECT ON ${table} TO ${role}.${about}`,
  )
}

function list(names: Iterable<string>): string {
  return [...names].join(', ')
}
