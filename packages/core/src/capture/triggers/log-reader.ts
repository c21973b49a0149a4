import type { ClientBase, QueryResult } from 'pg'
import { rowChange, tableChange, type Change, type Operation, type RelationId, type TextRow } from '../../change.js'
import { quoteIdentifier, quoteLiteral } from '../../util/postgres.js'
import { parseRecord } from '../record-text.js'
import { digestLarge } from './digest.js'
import type { CaptureObjects } from './objects.js'

/** What one statement sees of the log and of the state around it. */
export interface LogReading {
  readonly snapshot: string
  /** The database's clock, milliseconds since the epoch. */
  readonly now: number
  readonly awakeUntil: number
  /** Bits of `MODE`. */
  readonly mode: number
  readonly lost: bigint
  /** See `CaptureObjects.dropped`. */
  readonly dropped: readonly [bigint, bigint]
  /** `undefined`: a crash took it. */
  readonly epoch: string | undefined
  /** How many transactions wrote since the batch before, on relations that nobody here watches too. */
  readonly transactions: number
  /** Of the relations that have entries: what their columns are now. */
  readonly fingerprints: ReadonlyMap<RelationId, string>
  readonly entries: readonly LogEntry[]
}

/** The columns of a relation, as its rows' images hold them. */
export interface Layout {
  readonly relation: RelationId
  /** Changes with any change of a column. */
  readonly fingerprint: string
  readonly columns: readonly string[]
  /** Columns that a trigger cannot see. */
  readonly virtual: readonly string[]
}

/** One row of the log, or one row out of an entry with several. */
export interface LogEntry {
  readonly relation: RelationId
  /** As triggers call it; `null`: an entry of another version. */
  readonly command: string | null
  readonly oldRow: string | null
  readonly newRow: string | null
  readonly details: EntryDetails
}

/** See schema-sql.ts. */
export interface EntryDetails {
  readonly columns?: readonly string[]
  readonly hashed?: readonly string[]
  readonly failure?: string
}

export interface ReadOptions {
  /** The snapshot of the batch before; without it, no entries are read. */
  readonly previous: string | undefined
  readonly relations: readonly RelationId[]
  /**
   * The prepared statement to use, as planning takes longer than anything else about it. Undefined where a pooler may
   * give each transaction another connection.
   */
  readonly statement: { readonly name: string; readonly isPrepared: boolean } | undefined
}

export async function readLog(
  transaction: ClientBase,
  objects: CaptureObjects,
  { previous, relations, statement }: ReadOptions,
): Promise<LogReading> {
  const rows = statement
    ? await execute(transaction, objects, statement, previous, relations)
    : (await transaction.query<LogRow>(readSql(objects), [previous ?? null, relations])).rows
  const first = rows[0]
  if (!first?.header) throw new Error('the change log answered without a header')
  const header = JSON.parse(first.header) as Header
  return {
    snapshot: header.snapshot,
    now: header.now,
    awakeUntil: header.awakeUntil,
    mode: header.mode,
    lost: BigInt(header.lost),
    dropped: [BigInt(header.dropped[0]), BigInt(header.dropped[1])],
    epoch: header.epoch ?? undefined,
    transactions: header.transactions,
    fingerprints: new Map(header.fingerprints ?? []),
    entries: rows.slice(1).map((row) => ({
      relation: Number(row.relation),
      command: row.command,
      oldRow: row.old_row,
      newRow: row.new_row,
      details: row.details === null ? NO_DETAILS : (JSON.parse(row.details) as EntryDetails),
    })),
  }
}

/**
 * By its generic plan: the planner believes that one for the parameters at hand is cheaper, makes it anew at every
 * execution, and takes three times as long for that as the reading itself.
 */
async function execute(
  transaction: ClientBase,
  objects: CaptureObjects,
  { name, isPrepared }: NonNullable<ReadOptions['statement']>,
  previous: string | undefined,
  relations: readonly RelationId[],
): Promise<readonly LogRow[]> {
  const quoted = quoteIdentifier(name)
  if (!isPrepared) {
    const types = 'pg_catalog.pg_snapshot, pg_catalog.oid[]'
    await transaction.query(`PREPARE ${quoted}(${types}) AS ${readSql(objects)}`)
  }
  const snapshot = previous === undefined ? 'NULL' : quoteLiteral(previous)
  const execution = `EXECUTE ${quoted}(${snapshot}, '{${relations.join()}}')`
  const results = (await transaction.query(
    `SET LOCAL plan_cache_mode = force_generic_plan; ${execution}; SET LOCAL plan_cache_mode TO DEFAULT`,
  )) as unknown as readonly QueryResult<LogRow>[]
  return results.at(-2)!.rows
}

interface Header {
  snapshot: string
  now: number
  awakeUntil: number
  mode: number
  lost: string
  dropped: [string, string]
  epoch: string | null
  transactions: number
  fingerprints: [RelationId, string][] | null
}

interface LogRow {
  header: string | null
  relation: string
  command: string | null
  old_row: string | null
  new_row: string | null
  details: string | null
}

const NO_DETAILS: EntryDetails = {}

/**
 * Changes with any change of a column of `relation`: that makes a new row, or a new version of one, whose `xmin` is
 * higher than the old one's.
 */
const FINGERPRINT = `(SELECT pg_catalog.concat(pg_catalog.count(*), ' ', pg_catalog.sum(a.xmin::text::int8)) FROM pg_catalog.pg_attribute a WHERE a.attrelid = relation AND a.attnum > 0)`

const LAYOUT_JSON = `pg_catalog.json_build_object('relation', relation::int8,
  'fingerprint', ${FINGERPRINT},
  'columns', (SELECT coalesce(pg_catalog.json_agg(a.attname ORDER BY a.attnum), '[]') FROM pg_catalog.pg_attribute a WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped),
  'virtual', (SELECT coalesce(pg_catalog.json_agg(a.attname ORDER BY a.attnum), '[]') FROM pg_catalog.pg_attribute a WHERE a.attrelid = relation AND a.attnum > 0 AND a.attgenerated = 'v'))`

/** The columns that these relations have now. */
export async function readLayouts(client: ClientBase, relations: readonly RelationId[]): Promise<readonly Layout[]> {
  const { rows } = await client.query<{ layout: Layout }>(
    `SELECT ${LAYOUT_JSON} AS layout FROM pg_catalog.unnest($1::pg_catalog.oid[]) relation`,
    [relations],
  )
  return rows.map(({ layout }) => layout)
}

/**
 * A batch is what is visible now (the transaction's snapshot sees to it) and was not visible then: transactions from
 * `xmax` on, and those in between that were in progress. Asked for in two ranges that an index can answer: the table is
 * never analyzed, so the planner must be told that a range is narrow. Never "id above the last one": transactions do
 * not commit in the order of their ids.
 *
 * The state is read after the segments are locked by this very statement: nobody can truncate them until the
 * transaction ends, so `dropped` is what it is for this batch.
 */
function readSql(objects: CaptureObjects): string {
  const fields = 'xid, relation, command, images, details'
  const half = 'pg_catalog.cardinality(images) / 2'
  const part = (segment: string): string => `
    SELECT ${fields}, cmin::text::int8 AS sequence FROM ${segment}, bounds WHERE xid >= bounds.after AND xid < bounds.until
    UNION ALL
    SELECT ${fields}, cmin::text::int8 FROM ${segment}
      WHERE xid = ANY (ARRAY(SELECT pg_catalog.pg_snapshot_xip($1::pg_catalog.pg_snapshot)))`
  const value = (sequence: string): string =>
    `pg_catalog.pg_sequence_last_value('${sequence.replaceAll("'", "''")}'::pg_catalog.regclass)`
  return `
WITH bounds AS MATERIALIZED (
  SELECT pg_catalog.pg_snapshot_xmax($1::pg_catalog.pg_snapshot) AS after,
    pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot()) AS until
), entries AS MATERIALIZED (${objects.segments.map(part).join('\n    UNION ALL')}
), watched AS MATERIALIZED (
  SELECT * FROM entries WHERE relation = ANY ($2::oid[])
), header AS MATERIALIZED (
  SELECT pg_catalog.json_build_object(
    'snapshot', pg_catalog.pg_current_snapshot()::text,
    'now', (pg_catalog.date_part('epoch', pg_catalog.clock_timestamp()) * 1000)::int8,
    'awakeUntil', coalesce(${value(objects.awakeUntil)}, 0),
    'mode', coalesce(${value(objects.mode)}, 0),
    'lost', coalesce(${value(objects.lost)}, -1)::text,
    'dropped', pg_catalog.json_build_array(coalesce(${value(objects.dropped[0])}, 0)::text, coalesce(${value(objects.dropped[1])}, 0)::text),
    'epoch', (SELECT value FROM ${objects.epoch}),
    'transactions', (SELECT pg_catalog.count(*) FROM (SELECT DISTINCT xid FROM entries) t),
    'fingerprints', (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(relation::int8, ${FINGERPRINT})) FROM (SELECT DISTINCT relation FROM watched) r)
  )::text AS header
)
SELECT header, NULL::oid AS relation, NULL::text AS command, NULL::text AS old_row, NULL::text AS new_row, NULL::text AS details,
  NULL::xid8 AS xid, NULL::int8 AS sequence, NULL::int8 AS position
FROM header
UNION ALL
SELECT NULL, relation, command, row.old_row, row.new_row, details::text, xid, sequence, row.position
FROM watched LEFT JOIN LATERAL unnest(
    CASE command WHEN 'UPDATE' THEN images[:${half}] WHEN 'DELETE' THEN images END,
    CASE command WHEN 'UPDATE' THEN images[${half} + 1:] WHEN 'INSERT' THEN images END
  ) WITH ORDINALITY AS row(old_row, new_row, position) ON true
ORDER BY xid NULLS FIRST, sequence, position`
}

/**
 * The change that an entry stands for. Throws `RecordTextError` where the images are of another layout.
 */
export function toChange(entry: LogEntry, layout: Layout): Change {
  const { command, oldRow, newRow, details } = entry
  if (oldRow === null && newRow === null) {
    return tableChange(command === 'TRUNCATE' ? 'truncate' : 'bulk', entry.relation)
  }
  const columns = details.columns ?? layout.columns
  const hashed = new Set([...(details.hashed ?? []), ...layout.virtual])
  // An image that does not hold a column of the table, because it is excluded or newer than the image.
  if (details.columns) for (const name of layout.columns) if (!columns.includes(name)) hashed.add(name)
  const row = (text: string | null): TextRow | undefined =>
    text === null ? undefined : namedRow(text, columns, hashed)
  return rowChange(entry.relation, operationOf(oldRow, newRow), row(oldRow), row(newRow), hashed)
}

function operationOf(oldRow: string | null, newRow: string | null): Operation {
  if (oldRow === null) return 'insert'
  return newRow === null ? 'delete' : 'update'
}

/** Names the fields; large ones become digests, and their names are added to `hashed`. */
function namedRow(text: string, columns: readonly string[], hashed: Set<string>): TextRow {
  const row: Record<string, string | null> = Object.create(null) as Record<string, string | null>
  parseRecord(text, columns.length).forEach((value, index) => {
    const name = columns[index] as string
    const digest = digestLarge(value)
    if (digest !== value) hashed.add(name)
    row[name] = digest
  })
  return row
}
