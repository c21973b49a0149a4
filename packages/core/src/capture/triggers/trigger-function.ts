/**
 * The trigger function of one table. One call per statement, AFTER it:
 *
 *     does anybody read? ── no ──► done
 *            │ yes
 *     images of the rows ── too many, or anything fails ──► an entry without rows
 *            │              └─ a large value ──► images with digests instead
 *     append to the active segment of the log
 *            │
 *     nobody awake? ring
 *
 * What must hold: a write never fails because of this. Whatever depends on the table's columns stands in an EXCEPTION
 * block, which only reads and therefore burns no transaction id; the INSERT that follows depends on our own table alone.
 *
 * PL/pgSQL prepares each expression anew in each transaction, and takes a snapshot for one that is not immutable: what is
 * rarely needed stands in an IF of its own, so that the usual path has few of them.
 */
import { createHash } from 'node:crypto'
import { quoteIdentifier, quoteLiteral } from '../../util/postgres.js'
import { imagesOf, loggedColumns, type ImageSql } from './image-sql.js'
import type { CaptureObjects } from './objects.js'
import { outputSettings } from './output-settings.js'
import { BULK_ROWS, ENTRY_BYTES, LEASE_MS, MODE, VERSION } from './settings.js'
import type { TriggerEvent } from './trigger-names.js'

export interface CapturedColumn {
  readonly name: string
  /** The OID of the type, of a domain's base type, of `anyenum` for an enum. */
  readonly type: number
  /** `pg_attribute.atttypmod`. */
  readonly modifier: number
  /** Values have a variable length, and can become large. */
  readonly variable: boolean
  /** Computed when read (PostgreSQL 18): a trigger sees NULL. */
  readonly virtual: boolean
}

export interface CapturedTable {
  readonly columns: readonly CapturedColumn[]
  /** Names of columns that must not enter the log. */
  readonly exclude: readonly string[]
  /** UPDATEs through this table can move rows from one partition to another. */
  readonly partitioned: boolean
  readonly firing: Firing
}

/**
 * How a table's triggers fire.
 * - `statement`: once, with the changed rows in transition tables.
 * - `blind`: once, without rows: some descendant is a foreign table, or can become one at any moment, and with transition
 *   tables a write to it would fail.
 * - `row`: for each row: a subscription writes the table, and PostgreSQL's apply worker fires no others.
 */
export type Firing = 'statement' | 'blind' | 'row'

export interface TriggerFunction {
  /** `CREATE OR REPLACE FUNCTION` and what belongs to it. */
  readonly statements: readonly string[]
  /** Kept as the function's comment; equal markers mean equal functions. */
  readonly marker: Marker
}

/** Tells an installed function from the one that would be installed. */
export interface Marker {
  readonly version: number
  readonly body: string
  readonly exclude: readonly string[]
}

export function triggerFunction(objects: CaptureObjects, name: string, table: CapturedTable): TriggerFunction {
  const body = functionBody(objects, table)
  const set = [
    'SET search_path = pg_catalog, pg_temp',
    ...outputSettings(loggedColumns(table)).map(([setting, value]) => `SET ${setting} = ${quoteLiteral(value)}`),
  ]
  const digest = createHash('sha256')
    .update([body, ...set].join('\n'))
    .digest('hex')
    .slice(0, 16)
  const marker: Marker = { version: VERSION, body: digest, exclude: [...table.exclude].sort() }
  const quoted = `${objects.quotedSchema}.${quoteIdentifier(name)}`
  return {
    marker,
    statements: [
      `CREATE OR REPLACE FUNCTION ${quoted}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
  ${set.join('\n  ')}
  AS ${quoteLiteral(body)}`,
      `REVOKE ALL ON FUNCTION ${quoted}() FROM PUBLIC`,
      `COMMENT ON FUNCTION ${quoted}() IS ${quoteLiteral(JSON.stringify({ pgRealtime: marker }))}`,
    ],
  }
}

/** The triggers of a table, for `function`; the lock that they need is taken first. Identifiers are quoted already. */
export function triggerStatements(
  table: string,
  functionName: string,
  triggers: Readonly<Record<TriggerEvent, string>>,
  firing: Firing,
): string[] {
  const create = (event: TriggerEvent, tables: string): string => {
    const referencing = firing === 'statement' && tables ? ` REFERENCING ${tables}` : ''
    const each = firing === 'row' && event !== 'truncate' ? 'ROW' : 'STATEMENT'
    return (
      `CREATE OR REPLACE TRIGGER ${triggers[event]} AFTER ${event.toUpperCase()} ON ${table}${referencing} ` +
      `FOR EACH ${each} EXECUTE FUNCTION ${functionName}()`
    )
  }
  return [
    create('insert', 'NEW TABLE AS new_rows'),
    create('update', 'OLD TABLE AS old_rows NEW TABLE AS new_rows'),
    create('delete', 'OLD TABLE AS old_rows'),
    create('truncate', ''),
    `ALTER TABLE ONLY ${table} ${Object.values(triggers)
      .map((trigger) => `ENABLE ALWAYS TRIGGER ${trigger}`)
      .join(', ')}`,
  ]
}

function functionBody(objects: CaptureObjects, table: CapturedTable): string {
  // Names that are looked up once, when the plan is made; if the object is dropped, the plan is made again, and fails.
  const state = (sequence: string): string => `pg_sequence_last_value(${quoteLiteral(sequence)}::regclass)`
  const missing = [objects.awakeUntil, objects.mode, ...objects.segments].map(
    (name) => `to_regclass(${quoteLiteral(name)}) IS NULL`,
  )
  return `DECLARE
  now_ms CONSTANT bigint := date_part('epoch', clock_timestamp()) * 1000;
  awake_until bigint;
  mode bigint;
  kind "char";
  images record;
  row_count int;
  hashed_names text[];
  failure text;
  context text;
  caller text;
BEGIN
  BEGIN
    awake_until := ${state(objects.awakeUntil)};
    IF awake_until IS NULL OR now_ms >= awake_until + ${LEASE_MS} THEN
      RETURN NULL;
    END IF;
    -- Names both segments, so that it fails, in here, where one is missing.
    mode := CASE WHEN ${objects.segments.map((segment) => `${quoteLiteral(segment)}::regclass`).join(' <> ')} THEN ${state(objects.mode)} END;
    IF TG_OP = 'TRUNCATE' THEN
      kind := 'T';
      ${NO_ROWS}
    ELSE
${table.firing === 'blind' ? `      kind := 'B';\n      ${NO_ROWS}` : rowsSql(table)}
    END IF;
  EXCEPTION WHEN OTHERS THEN
    kind := 'B';
    ${NO_ROWS}
    failure := SQLSTATE || ' ' || SQLERRM;
    IF ${missing.join(' OR ')} THEN
      kind := NULL;
      IF to_regclass(${quoteLiteral(objects.lost)}) IS NOT NULL THEN
        -- Not undone by a rollback, and seen by every reader: something is missing.
        PERFORM nextval(to_regclass(${quoteLiteral(objects.lost)}));
      END IF;
    END IF;
  END;
  IF mode & ${MODE.segment} = 0 AND kind IS NOT NULL THEN
    ${insertSql(objects.segments[0])}
  ELSIF kind IS NOT NULL THEN
    ${insertSql(objects.segments[1])}
  END IF;
  IF now_ms >= awake_until AND mode & ${MODE.silent} = 0 THEN
    -- A full queue would fail the commit.
    IF pg_notification_queue_usage() < 0.5 THEN
      PERFORM pg_notify(${quoteLiteral(objects.channel)}, '');
    END IF;
  END IF;
  RETURN NULL;
END`
}

const NO_ROWS = 'SELECT NULL::text[] AS old_rows, NULL::text[] AS new_rows, NULL::text[] AS columns INTO images;'

function insertSql(segment: string): string {
  return `INSERT INTO ${segment} (relation, operation, old_rows, new_rows, columns, hashed, failure)
    VALUES (TG_RELID, kind, images.old_rows, images.new_rows, images.columns, hashed_names, failure);`
}

/** Fills the images, or makes it an entry without rows. Returns where the statement changed nothing. */
function rowsSql(table: CapturedTable): string {
  const { plain, digested } = imagesOf(table)
  const perRow = table.firing === 'row'
  const large = `array_position(images.old_rows, NULL) IS NOT NULL OR array_position(images.new_rows, NULL) IS NOT NULL`
  const tooMuch = `row_count > ${BULK_ROWS} OR mode & ${MODE.coarse} <> 0
        OR cardinality(images.new_rows) <> cardinality(images.old_rows)`
  return `${readSql(plain, perRow)}
      row_count := cardinality(coalesce(images.new_rows, images.old_rows));${table.partitioned ? mergeSql : ''}
      IF row_count <> 1 OR ${tooMuch}${digested ? ` OR ${large}` : ''}${table.partitioned ? ` OR kind = 'B'` : ''} THEN
        IF row_count = 0${table.partitioned ? ` AND kind <> 'B'` : ''} THEN
          RETURN NULL;
        ELSIF ${tooMuch} THEN
          kind := 'B';${digested ? `\n        ELSIF kind <> 'B' AND (${large}) THEN\n${readSql(digested, perRow)}` : ''}
        END IF;
        IF kind = 'B' OR row_count > 1 AND
            coalesce(pg_column_size(images.old_rows), 0) + coalesce(pg_column_size(images.new_rows), 0) > ${ENTRY_BYTES} THEN
          kind := 'B';
          ${NO_ROWS}
        END IF;
      END IF;`
}

function readSql(sql: ImageSql, perRow: boolean): string {
  const oldRows = perRow ? '(SELECT OLD.*)' : 'old_rows'
  const newRows = perRow ? '(SELECT NEW.*)' : 'new_rows'
  const columns = `${sql.columns ?? 'NULL::text[]'} AS columns`
  const old = `${sql.images(oldRows)} AS old_rows`
  const fresh = `${sql.images(newRows)} AS new_rows`
  const hashed = (...rows: string[]): string =>
    sql.hashed ? `\n        hashed_names := ${rows.map((each) => sql.hashed?.(each)).join(' || ')};` : ''
  return `      IF TG_OP = 'UPDATE' THEN
        kind := 'U';
        SELECT ${old}, ${fresh}, ${columns} INTO images;${hashed(oldRows, newRows)}
      ELSIF TG_OP = 'INSERT' THEN
        kind := 'I';
        SELECT NULL::text[] AS old_rows, ${fresh}, ${columns} INTO images;${hashed(newRows)}
      ELSE
        kind := 'D';
        SELECT ${old}, NULL::text[] AS new_rows, ${columns} INTO images;${hashed(oldRows)}
      END IF;`
}

/**
 * A MERGE that moves a row to another partition shows it in no transition table of its UPDATE trigger (seen on 15 to
 * 18). An UPDATE is therefore believed only where PostgreSQL shows the statement's text, and it is no MERGE.
 */
const mergeSql = `
      IF TG_OP = 'UPDATE' AND current_setting('server_version_num')::int >= 150000 THEN
        GET DIAGNOSTICS context = PG_CONTEXT;
        caller := split_part(context, E'\\n', 2);
        IF current_query() ~* 'merge' OR context ~* 'merge' OR NOT (CASE WHEN caller = ''
            THEN current_query() ~* '^\\s*(with|update)\\M' ELSE starts_with(caller, 'SQL statement "') END) THEN
          kind := 'B';
        END IF;
      END IF;`
