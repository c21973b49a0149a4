import type { ClientBase } from 'pg'
import { InvalidOptionError, UnwatchableRelationError } from '../../errors.js'
import type { RelationId } from '../../change.js'
import { quoteIdentifier, quoteLiteral } from '../../util/postgres.js'
import { inspectRelations } from './catalog.js'
import { relationStatements } from './install.js'
import { captureObjects, type CaptureObjects } from './objects.js'
import { capturedTable } from './requirement.js'
import { grantStatements, schemaStatements } from './schema-sql.js'
import { MODE } from './settings.js'

export interface InstallSqlOptions {
  readonly schema: string
  /** As users write them: `orders`, or `schema.orders` outside of `public`. */
  readonly tables: readonly string[]
  /** The role that the engine connects as. Default: the role that is connected now. */
  readonly reader?: string
  readonly exclude?: ReadonlyMap<string, readonly string[]>
  readonly doorbell?: boolean
}

/**
 * The SQL that installs capture on these tables, their partitions, children and ancestors, for the user's own
 * migrations. Reads the catalog and changes nothing. The SQL can be run again; it must be, when columns of the tables
 * change.
 *
 * Throws `InvalidOptionError` for a table that is not there, and `UnwatchableRelationError` for a view and the like.
 */
export async function installSql(client: ClientBase, options: InstallSqlOptions): Promise<string> {
  const objects = captureObjects(options.schema)
  const { rows } = await client.query<{ role: string; database: string }>(
    'SELECT current_user::text AS role, pg_catalog.current_database()::text AS database',
  )
  const role = quoteIdentifier(options.reader ?? rows[0]?.role ?? '')
  const parts = [
    heading('The change log and its state'),
    statements([
      `CREATE SCHEMA IF NOT EXISTS ${objects.quotedSchema}`,
      ...schemaStatements(objects),
      ...doorbell(objects, options),
    ]),
  ]
  for (const table of options.tables)
    parts.push(...(await tableParts(client, objects, table, options.exclude?.get(table) ?? [])))
  parts.push(
    heading(
      'What the engine may do',
      'Besides: SELECT on what its queries read, and membership in the roles of its scopes, for the role of its pool.',
    ),
    statements([
      ...grantStatements(objects, role),
      `GRANT TEMPORARY ON DATABASE ${quoteIdentifier(rows[0]?.database ?? '')} TO ${role}`,
    ]),
  )
  return `${parts.join('\n\n')}\n`
}

async function tableParts(
  client: ClientBase,
  objects: CaptureObjects,
  label: string,
  exclude: readonly string[],
): Promise<string[]> {
  const parts: string[] = []
  for (const relation of await inspectRelations(client, objects, await familyOf(client, label))) {
    // Foreign tables among the partitions are reported by their parent.
    if (relation.kind !== 'r' && relation.kind !== 'p') continue
    const requirement = {
      relation,
      table: capturedTable(relation, exclude),
      functionOutdated: true,
      triggersMissing: true,
      rightless: undefined,
      because: '',
    }
    parts.push(
      heading(
        `${relation.schema}.${relation.name}`,
        'Takes a SHARE ROW EXCLUSIVE lock on the table: set a short lock_timeout, and try again.',
      ),
      statements(await relationStatements(client, objects, requirement)),
    )
  }
  return parts
}

/** A table with everything above and below it. */
async function familyOf(client: ClientBase, label: string): Promise<RelationId[]> {
  const { rows } = await client.query<{ oid: string; kind: string; family: string[] }>(
    `SELECT c.oid::int8, c.relkind AS kind, ARRAY(
       WITH RECURSIVE above(oid) AS (SELECT c.oid UNION SELECT inhparent FROM pg_catalog.pg_inherits JOIN above ON inhrelid = above.oid),
         below(oid) AS (SELECT c.oid UNION SELECT inhrelid FROM pg_catalog.pg_inherits JOIN below ON inhparent = below.oid)
       SELECT oid::int8 FROM above UNION SELECT oid::int8 FROM below) AS family
     FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE CASE WHEN n.nspname = 'public' THEN c.relname ELSE pg_catalog.concat(n.nspname, '.', c.relname) END = $1
       AND c.relkind NOT IN ('i', 'I', 'S', 't', 'c')`,
    [label],
  )
  const found = rows[0]
  if (!found) {
    throw new InvalidOptionError(
      `There is no table "${label}". Write it as \`orders\`, or \`schema.orders\` outside of public.`,
    )
  }
  if (found.kind !== 'r' && found.kind !== 'p') {
    throw new UnwatchableRelationError([label], `"${label}" is not a table: name the tables that it reads.`)
  }
  return found.family.map(Number)
}

function doorbell(objects: CaptureObjects, { doorbell: rings }: InstallSqlOptions): string[] {
  if (rings === undefined) return []
  const mode = `${quoteLiteral(objects.mode)}::pg_catalog.regclass`
  const bit = rings ? 0 : MODE.silent
  return [
    `SELECT pg_catalog.setval(${mode}, pg_catalog.pg_sequence_last_value(${mode}) & ~${MODE.silent}::int8 | ${bit})`,
  ]
}

function heading(title: string, note?: string): string {
  // A name may hold a line break, which must not end the comment.
  return [title, ...(note === undefined ? [] : [note])]
    .map((line) => `-- ${line.replaceAll(/[\r\n]/g, ' ')}`)
    .join('\n')
}

function statements(list: readonly string[]): string {
  return list.map((statement) => `${statement};`).join('\n')
}
