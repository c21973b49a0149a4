import { quoteLiteral } from '../../util/postgres.js'
import type { CaptureObjects } from './objects.js'
import { rotateFunction } from './rotation-sql.js'
import { VERSION } from './settings.js'

/** Says that a schema holds this library's objects, and which version of them: the comment on the `mode` sequence. */
export const SCHEMA_MARKER = `pg-realtime schema ${VERSION}`

/** Everything that does not belong to a single table. Runs on an empty schema, or one that has some of it. */
export function schemaStatements(objects: CaptureObjects): string[] {
  const segments = objects.segments.flatMap((segment) => [
    // Few columns: each costs every writer some, be it NULL.
    `CREATE UNLOGGED TABLE IF NOT EXISTS ${segment} (
  -- The writer's top-level transaction: what a reader's snapshot is compared with.
  xid xid8 NOT NULL DEFAULT pg_catalog.pg_current_xact_id(),
  relation oid NOT NULL,
  -- As triggers call it: INSERT, UPDATE, DELETE, TRUNCATE. INSTALL: triggers were created, what happened before is not known.
  command text,
  -- One image per row; of an UPDATE all old rows, then all new rows in the same order. NULL: changed, without its rows.
  images text[],
  -- "columns": those that the images hold, where these are not all columns of the table.
  -- "hashed": columns whose value is a digest or absent in some image.
  -- "failure": why an entry has no rows, where something went wrong.
  -- "installer": who created the triggers.
  details json
) WITH (autovacuum_enabled = false)`,
    ...convertStatements(segment),
    `ALTER TABLE ${segment} ALTER COLUMN images SET STORAGE EXTERNAL`,
    `CREATE INDEX IF NOT EXISTS ${segment.slice(objects.quotedSchema.length + 1).replace(/"$/, '_xid"')} ON ${segment} (xid)`,
  ])
  const sequence = (name: string, start: number): string =>
    `CREATE SEQUENCE IF NOT EXISTS ${name} AS bigint MINVALUE 0 START ${start} CACHE 1 NO CYCLE`
  return [
    ...segments,
    `CREATE UNLOGGED TABLE IF NOT EXISTS ${objects.epoch} (only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one), value text NOT NULL)`,
    sequence(objects.awakeUntil, 0),
    sequence(objects.mode, 0),
    sequence(objects.lost, 0),
    ...objects.dropped.map((name) => sequence(name, 0)),
    // A sequence that was never set has no last value; these two must have one.
    `SELECT pg_catalog.setval(s, 0) FROM (VALUES (${quoteLiteral(objects.mode)}::regclass), (${quoteLiteral(objects.awakeUntil)})) v(s) WHERE pg_catalog.pg_sequence_last_value(s) IS NULL`,
    ...rotateFunction(objects),
    // Last: it says that everything above is there.
    `COMMENT ON SEQUENCE ${objects.mode} IS ${quoteLiteral(SCHEMA_MARKER)}`,
  ]
}

/**
 * A log of version 1 gets what is new, and keeps what its functions write, which stay on tables that nobody here watches.
 * Each version reads the other's entries as changes without rows: theirs have no command, ours the operation "B".
 */
function convertStatements(segment: string): string[] {
  const added = ['command text', 'images text[]', 'details json'].map((column) => `ADD COLUMN IF NOT EXISTS ${column}`)
  return [
    `DO ${quoteLiteral(`BEGIN
  IF EXISTS (SELECT FROM pg_catalog.pg_attribute WHERE attrelid = ${quoteLiteral(segment)}::pg_catalog.regclass AND attname = 'operation') THEN
    ALTER TABLE ${segment} ${added.join(', ')}, ALTER COLUMN operation SET DEFAULT 'B';
  END IF;
END`)}`,
  ]
}

/** What a reader needs that is not the owner of the schema. `grantee` is quoted. */
export function grantStatements(objects: CaptureObjects, grantee: string): string[] {
  const sequences = [objects.awakeUntil, objects.mode, objects.lost, ...objects.dropped].join(', ')
  return [
    `GRANT USAGE ON SCHEMA ${objects.quotedSchema} TO ${grantee}`,
    `GRANT SELECT ON ${objects.segments.join(', ')} TO ${grantee}`,
    `GRANT SELECT, INSERT, UPDATE ON ${objects.epoch} TO ${grantee}`,
    `GRANT EXECUTE ON FUNCTION ${objects.rotateSignature} TO ${grantee}`,
    `GRANT SELECT, UPDATE ON SEQUENCE ${sequences} TO ${grantee}`,
  ]
}
