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
 * PL/pgSQL prepares each expression anew in each transaction, step by step, and takes a snapshot for one that is not
 * immutable; so does the executor with each column and node of a plan. The usual path has therefore few and short
 * expressions, and reads old and new rows by one plan into one array. What is rarely needed stands in an IF of its own.
 */
import { createHash } from 'node:crypto'
import { quoteIdentifier, quoteLiteral } from '../../util/postgres.js'
import { imagesOf, loggedColumns, textArray, type DigestSql } from './image-sql.js'
import type { CaptureObjects } from './objects.js'
import { outputSettings } from './output-settings.js'
import { BULK_ROWS, ENTRY_BYTES, LEASE_MS, MODE, VERSION } from './settings.js'
import type { TriggerEvent } from './trigger-names.js'

export interface CapturedColumn {
  readonly name: string
  /** `pg_attribute.attnum`: the same after a RENAME. */
  readonly number: number
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
  /** Names of columns that must not enter the log, also of such as are not there yet. */
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
  /** The numbers of excluded columns, by which they are known under another name. */
  readonly numbers?: readonly number[]
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
  const numbers = table.columns.filter(({ name: column }) => table.exclude.includes(column)).map(({ number }) => number)
  const marker: Marker = { version: VERSION, body: digest, exclude: [...table.exclude].sort(), numbers }
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
  const [zero, one] = objects.segments
  const mayAppend = objects.segments.map((name) => `has_table_privilege(${quoteLiteral(name)}::regclass, 'INSERT')`)
  const canAppend = [
    ...objects.segments.map((name) => `has_table_privilege(to_regclass(${quoteLiteral(name)}), 'INSERT') IS TRUE`),
    `has_sequence_privilege(to_regclass(${quoteLiteral(objects.mode)}), 'USAGE, SELECT') IS TRUE`,
  ]
  const lost = `to_regclass(${quoteLiteral(objects.lost)})`
  // Fails in the block where a segment is missing, or may not be written.
  const mode = `${state(objects.mode)} / (${mayAppend.join(' AND ')})::int`
  return `DECLARE
  -- Milliseconds until writers must ring.
  awake_for float8;
  mode bigint;
  -- The old rows, then the new ones; NULL: not known.
  images text[];
  new_images text[];
  row_count int;
  details json${columnsOf(table)};
  context text;
  caller text;
  reachable boolean := true;
BEGIN
  BEGIN
    -- The clock first: a pause after it makes the lease no older.
    awake_for := -1000 * date_part('epoch', clock_timestamp()) + ${state(objects.awakeUntil)};
    -- Where nobody can tell, somebody may read.
    IF awake_for <= ${-LEASE_MS} THEN
      RETURN NULL;
    END IF;
    ${table.firing === 'blind' ? `mode := ${mode};` : rowsSql(table, mode)}
  EXCEPTION WHEN OTHERS THEN
    images := NULL;
    details := json_build_object('failure', SQLSTATE || ' ' || SQLERRM);
    mode := NULL;
    -- To look for a name in a schema that one may not use is an error.
    reachable := coalesce((SELECT has_schema_privilege(oid, 'USAGE') FROM pg_namespace WHERE nspname = ${quoteLiteral(objects.schema)}), false);
    IF reachable THEN
      mode := CASE WHEN ${canAppend.join(' AND ')} THEN pg_sequence_last_value(to_regclass(${quoteLiteral(objects.mode)})) END;
    END IF;
  END;
  IF mode & ${MODE.segment | MODE.coarse} = 0 THEN
    ${insertSql(zero, 'images')}
  ELSIF mode & ${MODE.segment | MODE.coarse} = ${MODE.segment} THEN
    ${insertSql(one, 'images')}
  ELSIF mode & ${MODE.segment} = 0 THEN
    ${insertSql(zero, 'NULL')}
  ELSIF mode & ${MODE.segment} = ${MODE.segment} THEN
    ${insertSql(one, 'NULL')}
  ELSIF reachable THEN
    IF has_sequence_privilege(${lost}, 'USAGE, UPDATE') THEN
      -- Not undone by a rollback, and seen by every reader: something is missing.
      PERFORM nextval(${lost});
    END IF;
  END IF;
  IF awake_for <= 0 THEN
    -- A full queue would fail the commit.
    IF mode & ${MODE.silent} = 0 AND pg_notification_queue_usage() < 0.5 THEN
      PERFORM pg_notify(${quoteLiteral(objects.channel)}, '');
    END IF;
  END IF;
  RETURN NULL;
END`
}

/** What an entry says of the columns of its images, unless it has reason to say more. */
function columnsOf(table: CapturedTable): string {
  const { columns } = imagesOf(table).plain
  return columns === undefined ? '' : ` := ${quoteLiteral(JSON.stringify({ columns }))}::json`
}

function insertSql(segment: string, images: string): string {
  return `INSERT INTO ${segment} (relation, command, images, details) VALUES (TG_RELID, TG_OP, ${images}, details);`
}

/** Reads the mode and the images, or leaves these NULL. Returns where the statement changed nothing. */
function rowsSql(table: CapturedTable, mode: string): string {
  const perRow = table.firing === 'row'
  const old = perRow ? '(SELECT OLD.*)' : 'old_rows'
  const fresh = perRow ? '(SELECT NEW.*)' : 'new_rows'
  return `IF TG_OP = 'UPDATE' THEN
        ${table.partitioned ? readPartitionsSql(table, mode) : readSql(table, [old, fresh], mode)}
      ELSIF TG_OP = 'INSERT' THEN
        ${readSql(table, [fresh], mode)}
      ELSIF TG_OP = 'DELETE' THEN
        ${readSql(table, [old], mode)}
      ELSE
        mode := ${mode};
      END IF;`
}

/** One SELECT and one question: all that a statement of one row without large values needs. */
function readSql(table: CapturedTable, tables: readonly string[], mode: string): string {
  const { plain } = imagesOf(table)
  return `SELECT ${plain.images(tables)}, ${mode} INTO images, mode;
        ${unusualSql(table, tables)}`
}

/** Several rows, or none, or large values. */
function unusualSql(table: CapturedTable, tables: readonly string[]): string {
  const { digested } = imagesOf(table)
  const large = 'array_position(images, NULL) > 0'
  const each = tables.length
  return `IF cardinality(images) <> ${each}${digested ? ` OR ${large}` : ''} THEN
          row_count := cardinality(images) / ${each};
          IF row_count = 0 THEN
            RETURN NULL;
          ELSIF row_count > ${BULK_ROWS} THEN
            images := NULL;${digested ? `\n          ELSIF ${large} THEN\n            ${digestSql(digested, tables)}` : ''}
          END IF;
          IF row_count > 1 AND pg_column_size(images) > ${ENTRY_BYTES} THEN
            images := NULL;
          END IF;
        END IF;`
}

function digestSql(sql: DigestSql, tables: readonly string[]): string {
  const hashed = tables.map((rows) => sql.hashed(rows)).join(' || ')
  return `images := ${sql.images(tables)};
            details := json_build_object('columns', ${textArray(sql.columns)}, 'hashed', ${hashed});`
}

/**
 * Where rows can move to another partition, old and new ones are counted. A MERGE that moves a row shows it in no
 * transition table of its UPDATE trigger (seen on 15 to 18). An UPDATE is therefore believed only where PostgreSQL shows
 * the statement's text, and it is no MERGE.
 */
function readPartitionsSql(table: CapturedTable, mode: string): string {
  const { plain } = imagesOf(table)
  return `SELECT ${plain.images(['old_rows'])}, ${plain.images(['new_rows'])}, ${mode} INTO images, new_images, mode;
        images := CASE WHEN cardinality(images) = cardinality(new_images) THEN images || new_images END;
        IF current_setting('server_version_num')::int >= 150000 THEN
          GET DIAGNOSTICS context = PG_CONTEXT;
          caller := split_part(context, E'\\n', 2);
          IF current_query() ~* 'merge' OR context ~* 'merge' OR NOT (CASE WHEN caller = ''
              THEN current_query() ~* '^\\s*(with|update)\\M' ELSE starts_with(caller, 'SQL statement "') END) THEN
            images := NULL;
          END IF;
        END IF;
        ${unusualSql(table, ['old_rows', 'new_rows'])}`
}
