import type { ClientBase } from 'pg'
import { InstallError } from '../../errors.js'
import { quoteIdentifier } from '../../util/postgres.js'
import { attemptAlone, type AttemptOptions } from './attempts.js'
import { captureObjects, type CaptureObjects } from './objects.js'

/**
 * Removes every trigger and function of the capture that keeps its objects in `schema`, on every table of every schema,
 * and the schema itself: one table per transaction, with short lock timeouts. Finds them by what they call, not by name.
 * A schema that holds something else too is kept, with what else it holds.
 *
 * Throws `InstallError` where a right is missing, or a table stays locked; what was removed until then stays removed.
 */
export async function uninstallTriggers(client: ClientBase, schema: string, options: AttemptOptions): Promise<void> {
  const objects = captureObjects(schema)
  for (const table of await tablesWithTriggers(client, schema)) {
    await attemptAlone(client, schema, `table ${table.name}`, options, async () => {
      for (const trigger of table.triggers)
        await client.query(`DROP TRIGGER IF EXISTS ${quoteIdentifier(trigger)} ON ${table.name}`)
    })
  }
  await attemptAlone(client, schema, `schema ${objects.quotedSchema}`, options, () => dropSchema(client, objects))
}

interface TableWithTriggers {
  /** Quoted. */
  readonly name: string
  readonly triggers: readonly string[]
}

async function tablesWithTriggers(client: ClientBase, schema: string): Promise<TableWithTriggers[]> {
  const { rows } = await client.query<{ schema: string; name: string; triggers: string[] }>(
    `SELECT n.nspname AS schema, c.relname AS name, pg_catalog.array_agg(g.tgname::text ORDER BY g.tgname) AS triggers
     FROM pg_catalog.pg_trigger g JOIN pg_catalog.pg_proc p ON p.oid = g.tgfoid
       JOIN pg_catalog.pg_namespace s ON s.oid = p.pronamespace
       JOIN pg_catalog.pg_class c ON c.oid = g.tgrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE s.nspname = $1 AND NOT g.tgisinternal AND g.tgparentid = 0
       AND pg_catalog.obj_description(p.oid, 'pg_proc') LIKE '{"pgRealtime":%'
     GROUP BY n.nspname, c.relname, c.oid ORDER BY c.oid`,
    [schema],
  )
  return rows.map((row) => ({
    name: `${quoteIdentifier(row.schema)}.${quoteIdentifier(row.name)}`,
    triggers: row.triggers,
  }))
}

async function dropSchema(client: ClientBase, objects: CaptureObjects): Promise<void> {
  const { rows } = await client.query<{ statement: string }>(
    `SELECT pg_catalog.format('DROP FUNCTION %I.%I(%s)', s.nspname, p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid)) AS statement
     FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace s ON s.oid = p.pronamespace
     WHERE s.nspname = $1 AND pg_catalog.obj_description(p.oid, 'pg_proc') LIKE '{"pgRealtime":%'`,
    [objects.schema],
  )
  for (const { statement } of rows) await client.query(statement)
  const { rows: found } = await client.query<{ ours: boolean }>(
    `SELECT coalesce(pg_catalog.obj_description(pg_catalog.to_regclass($2), 'pg_class') LIKE 'pg-realtime%', false)
       OR NOT EXISTS (SELECT FROM pg_catalog.pg_class WHERE relnamespace = n.oid) AS ours
     FROM pg_catalog.pg_namespace n WHERE n.nspname = $1`,
    [objects.schema, objects.mode],
  )
  if (found[0]?.ours !== true) return
  const sequences = [objects.awakeUntil, objects.mode, objects.lost, ...objects.dropped]
  await client.query(`DROP FUNCTION IF EXISTS ${objects.rotateSignature}`)
  await client.query(`DROP TABLE IF EXISTS ${[...objects.segments, objects.epoch].join(', ')}`)
  await client.query(`DROP SEQUENCE IF EXISTS ${sequences.join(', ')}`)
  if (!(await isEmpty(client, objects.schema))) return
  try {
    await client.query(`DROP SCHEMA ${objects.quotedSchema}`)
  } catch (cause) {
    throw new InstallError(`Everything in schema ${objects.quotedSchema} was removed, but not the schema itself.`, {
      cause,
    })
  }
}

async function isEmpty(client: ClientBase, schema: string): Promise<boolean> {
  const { rows } = await client.query<{ empty: boolean }>(
    `SELECT NOT EXISTS (SELECT FROM pg_catalog.pg_class WHERE relnamespace = n.oid)
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_proc WHERE pronamespace = n.oid)
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_type WHERE typnamespace = n.oid) AS empty
     FROM pg_catalog.pg_namespace n WHERE n.nspname = $1`,
    [schema],
  )
  return rows[0]?.empty === true
}
