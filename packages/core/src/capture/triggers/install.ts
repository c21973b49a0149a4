import type { ClientBase } from 'pg'
import { InstallError } from '../../errors.js'
import { quoteIdentifier, quoteLiteral } from '../../util/postgres.js'
import { attemptAlone, type AttemptOptions } from './attempts.js'
import { inspectRelations, type InstalledRelation } from './catalog.js'
import { INSTALLED, type EntryDetails } from './log-reader.js'
import type { CaptureObjects } from './objects.js'
import { requirementOf, type ExcludeMap, type Requirement } from './requirement.js'
import { grantStatements, SCHEMA_MARKER, schemaStatements } from './schema-sql.js'
import { MODE } from './settings.js'
import { triggerFunction, triggerStatements } from './trigger-function.js'
import { functionNames, TRIGGER_EVENTS, triggerName, type TriggerEvent } from './trigger-names.js'

/**
 * Whether the schema and everything in it that belongs to no single table is there, in this version, and `reader` may
 * use it.
 */
export async function isSchemaInstalled(
  client: ClientBase,
  objects: CaptureObjects,
  reader?: string,
): Promise<boolean> {
  // Looking for names in a schema that one may not use is an error.
  const { rows: schemas } = await client.query(
    `SELECT FROM pg_catalog.pg_namespace WHERE nspname = $1 AND pg_catalog.has_schema_privilege(oid, 'USAGE')`,
    [objects.schema],
  )
  if (schemas.length === 0) return false
  const sequences = [objects.awakeUntil, objects.mode, objects.lost, ...objects.dropped]
  const tables = [...objects.segments, objects.epoch]
  const { rows } = await client.query<{ installed: boolean }>(
    `SELECT pg_catalog.obj_description(pg_catalog.to_regclass($1), 'pg_class') IS NOT DISTINCT FROM $2
       AND NOT EXISTS (SELECT FROM unnest($3::text[]) name WHERE pg_catalog.to_regclass(name) IS NULL)
       AND pg_catalog.to_regprocedure($4) IS NOT NULL AS installed`,
    [objects.mode, SCHEMA_MARKER, [...tables, ...sequences], objects.rotateSignature],
  )
  if (rows[0]?.installed !== true) return false
  return reader === undefined || (await mayRead(client, objects, reader))
}

/** Creates what is missing of the schema, and lets `reader` read it. Executes nothing where nothing is missing. */
export async function installSchema(
  client: ClientBase,
  objects: CaptureObjects,
  reader: string,
  options: AttemptOptions,
): Promise<void> {
  if (await isSchemaInstalled(client, objects, reader)) return
  await attemptAlone(client, objects.schema, `schema ${objects.quotedSchema}`, options, async () => {
    if (!(await isSchemaInstalled(client, objects))) {
      await createSchema(client, objects)
      for (const statement of schemaStatements(objects)) await client.query(statement)
    }
    if (!(await mayRead(client, objects, reader))) {
      for (const statement of grantStatements(objects, quoteIdentifier(reader))) await client.query(statement)
    }
  })
}

async function createSchema(client: ClientBase, objects: CaptureObjects): Promise<void> {
  const { rows } = await client.query<{ foreign: string | null }>(
    `SELECT (SELECT c.relname FROM pg_catalog.pg_class c WHERE c.relnamespace = n.oid AND pg_catalog.obj_description(pg_catalog.to_regclass($2), 'pg_class') NOT LIKE 'pg-realtime%' IS NOT FALSE LIMIT 1) AS foreign
     FROM pg_catalog.pg_namespace n WHERE n.nspname = $1`,
    [objects.schema, objects.mode],
  )
  if (rows.length === 0) await client.query(`CREATE SCHEMA ${objects.quotedSchema}`)
  const foreign = rows[0]?.foreign
  if (foreign != null) {
    throw new InstallError(
      `Schema ${objects.quotedSchema} holds objects that are not pg-realtime's, such as ${quoteIdentifier(foreign)}. ` +
        'Give pg-realtime a schema of its own with the option `schema`.',
    )
  }
}

async function mayRead(client: ClientBase, objects: CaptureObjects, reader: string): Promise<boolean> {
  const { rows } = await client.query<{ may: boolean }>(
    `SELECT pg_catalog.has_schema_privilege($1, $2, 'USAGE')
       AND (SELECT pg_catalog.bool_and(pg_catalog.has_table_privilege($1, name, 'SELECT')) FROM unnest($3::text[]) name)
       AND pg_catalog.has_table_privilege($1, $4, 'INSERT') AND pg_catalog.has_table_privilege($1, $4, 'UPDATE')
       AND (SELECT pg_catalog.bool_and(pg_catalog.has_sequence_privilege($1, name, 'UPDATE')) FROM unnest($5::text[]) name)
       AND pg_catalog.has_function_privilege($1, $6, 'EXECUTE') AS may`,
    [
      reader,
      objects.schema,
      objects.segments,
      objects.epoch,
      [objects.awakeUntil, objects.mode, objects.lost, ...objects.dropped],
      objects.rotateSignature,
    ],
  )
  return rows[0]?.may === true
}

/**
 * Gives these relations their triggers, each in a transaction of its own, in one order everywhere. Returns what was
 * lacking. Nothing is executed, and no lock taken, where nothing is lacking.
 */
export async function installRelations(
  client: ClientBase,
  objects: CaptureObjects,
  wanted: ExcludeMap,
  options: AttemptOptions & { readonly installer: string },
): Promise<Requirement[]> {
  const done: Requirement[] = []
  for (const { relation } of await missingRequirements(client, objects, wanted)) {
    const id = relation.relation
    const table = `${quoteIdentifier(relation.schema)}.${quoteIdentifier(relation.name)}`
    const requirement = await attemptAlone(client, objects.schema, `table ${table}`, options, async () => {
      // Seen again as the only installer: another one may have been faster.
      const [present] = await missingRequirements(client, objects, new Map([[id, wanted.get(id) ?? []]]))
      if (present)
        for (const statement of await relationStatements(client, objects, present, options.installer))
          await client.query(statement)
      return present
    })
    if (requirement) done.push(requirement)
  }
  return done
}

/** What these relations lack, ordered by relation. */
export async function missingRequirements(
  client: ClientBase,
  objects: CaptureObjects,
  wanted: ExcludeMap,
): Promise<Requirement[]> {
  const relations = await inspectRelations(client, objects, [...wanted.keys()])
  return relations.flatMap((relation) => requirementOf(objects, relation, wanted.get(relation.relation) ?? []) ?? [])
}

/**
 * The statements that give a relation what it lacks. Where triggers were missing they end with an entry in the log, by which
 * readers that watched the relation all the while learn that changes may have gone by; `installer` is for the one that
 * knows already.
 */
export async function relationStatements(
  client: ClientBase,
  objects: CaptureObjects,
  requirement: Requirement,
  installer?: string,
): Promise<string[]> {
  const { relation, table } = requirement
  const functionName = await chooseFunctionName(client, objects, relation)
  const quoted = `${quoteIdentifier(relation.schema)}.${quoteIdentifier(relation.name)}`
  const names = TRIGGER_EVENTS.map((event) => [event, quoteIdentifier(triggerName(relation, event))])
  const triggers = Object.fromEntries(names) as Record<TriggerEvent, string>
  return [
    ...triggerFunction(objects, functionName, table).statements,
    ...(requirement.triggersMissing
      ? [
          ...triggerStatements(
            quoted,
            `${objects.quotedSchema}.${quoteIdentifier(functionName)}`,
            triggers,
            table.firing,
          ),
          ...installedEntry(objects, quoted, installer),
        ]
      : []),
  ]
}

/**
 * An entry without rows. Whoever wrote unseen has ended before it, because creating a trigger waits for writers. It also
 * proves that the role whose rights the function has may write the log: a table that may not be logged gets no triggers.
 */
function installedEntry(objects: CaptureObjects, quotedTable: string, installer: string | undefined): string[] {
  const details = installer === undefined ? 'NULL' : quoteLiteral(JSON.stringify({ installer } satisfies EntryDetails))
  const mode = `pg_catalog.pg_sequence_last_value(${quoteLiteral(objects.mode)}::pg_catalog.regclass)`
  return objects.segments.map(
    (segment, index) =>
      `INSERT INTO ${segment} (relation, command, details) SELECT ${quoteLiteral(quotedTable)}::pg_catalog.regclass, '${INSTALLED}', ${details}::json WHERE ${mode} & ${MODE.segment} = ${index}`,
  )
}

/** The function that the relation's triggers already use; else a name that no other relation's triggers use. */
async function chooseFunctionName(
  client: ClientBase,
  objects: CaptureObjects,
  relation: InstalledRelation,
): Promise<string> {
  const present = relation.triggers[0]?.functionName
  if (present !== undefined) return present
  const [name, unique] = functionNames(relation)
  const { rows } = await client.query(
    `SELECT FROM pg_catalog.pg_trigger g JOIN pg_catalog.pg_proc p ON p.oid = g.tgfoid
       JOIN pg_catalog.pg_namespace s ON s.oid = p.pronamespace
     WHERE s.nspname = ${quoteLiteral(objects.schema)} AND p.proname = ${quoteLiteral(name)} AND g.tgrelid <> $1 LIMIT 1`,
    [relation.relation],
  )
  return rows.length === 0 ? name : unique
}
