import type { ClientBase } from 'pg'
import type { RelationId } from '../../change.js'

/**
 * The columns of each relation that must stay out of the log. A secret of a table is one of its partitions, children and
 * parents too, whichever of them a query names; a name without a schema means a table of that name in any schema. Both
 * err on the side of leaving out too much.
 */
export async function excludedColumns(
  client: ClientBase,
  exclude: ReadonlyMap<string, readonly string[]>,
  relations: readonly RelationId[],
): Promise<ReadonlyMap<RelationId, readonly string[]>> {
  if (exclude.size === 0 || relations.length === 0) return new Map()
  const { rows } = await client.query<{ relation: RelationId; names: string[] }>(RELATIVES, [relations])
  return new Map(
    rows.map(({ relation, names }) => [relation, [...new Set(names.flatMap((name) => exclude.get(name) ?? []))]]),
  )
}

const RELATIVES = `
WITH RECURSIVE up(relation, relative) AS (
  SELECT r, r FROM pg_catalog.unnest($1::pg_catalog.oid[]) r
  UNION SELECT relation, inhparent FROM up JOIN pg_catalog.pg_inherits ON inhrelid OPERATOR(pg_catalog.=) relative
), family(relation, relative) AS (
  SELECT relation, relative FROM up
  UNION SELECT relation, inhrelid FROM family JOIN pg_catalog.pg_inherits ON inhparent OPERATOR(pg_catalog.=) relative
)
SELECT relation, pg_catalog.array_agg(relname::pg_catalog.text)
  OPERATOR(pg_catalog.||) pg_catalog.array_agg(nspname::pg_catalog.text OPERATOR(pg_catalog.||) '.' OPERATOR(pg_catalog.||) relname::pg_catalog.text) AS names
FROM family JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) relative
  JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) relnamespace
GROUP BY relation`
