import type { ClientBase, QueryResult } from 'pg'
import { rowChange, tableChange, type Change, type Operation, type RelationId, type TextRow } from '../../change.js'
import { quoteIdentifier, quoteLiteral } from '../../util/postgres.js'
import { parseRecord } from '../record-text.js'
import { digestLarge } from './digest.js'
import type { CaptureObjects } from './objects.js'

/** The command of an entry that says that triggers were created. */
export const INSTALLED = 'INSTALL'

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
  readonly installer?: string
}

export interface ReadOptions {
  /** The snapshot of the batch before; without it, no entries are read. */
  readonly previous: string | undefined
  readonly relations: readonly RelationId[]
  /** Whether a transaction was in progress in `previous`: its entries lie below those of everybody who came later. */
  readonly hadOpen: boolean
  /**
   * The prepared statements to use, as planning takes longer than anything else about it. Undefined where a pooler may
   * give each transaction another connection.
   */
  readonly statements: { readonly prefix: string; readonly prepared: Set<string> } | undefined
}

export async function readLog(
  transaction: ClientBase,
  objects: CaptureObjects,
  { previous, relations, hadOpen, statements }: ReadOptions,
): Promise<LogReading> {
  const sql = () => readSql(objects, hadOpen)
  const rows = statements
    ? await execute(
        transaction,
        { sql, name: `${statements.prefix}_${hadOpen ? 'open' : 'later'}` },
        statements.prepared,
        previous,
        relations,
      )
    : (await transaction.query<LogRow>({ text: sql(), values: [previous ?? null, relations], rowMode: 'array' })).rows
  return readingOf(rows)
}

/**
 * By its generic plan: the planner believes that one for the parameters at hand is cheaper, makes it anew at every
 * execution, and takes three times as long for that as the reading itself. The setting ends with the transaction.
 */
async function execute(
  transaction: ClientBase,
  { sql, name }: { readonly sql: () => string; readonly name: string },
  prepared: Set<string>,
  previous: string | undefined,
  relations: readonly RelationId[],
): Promise<readonly LogRow[]> {
  const quoted = quoteIdentifier(name)
  if (!prepared.has(name)) {
    await transaction.query(`PREPARE ${quoted}(pg_catalog.pg_snapshot, pg_catalog.oid[]) AS ${sql()}`)
  }
  const snapshot = previous === undefined ? 'NULL' : quoteLiteral(previous)
  const text = `SET LOCAL plan_cache_mode = force_generic_plan; EXECUTE ${quoted}(${snapshot}, '{${relations.join()}}')`
  const results = (await transaction.query<LogRow>({
    text,
    rowMode: 'array',
  })) as unknown as readonly QueryResult<LogRow>[]
  prepared.add(name)
  return results.at(-1)!.rows
}

/** The state, the fingerprint of a relation, an entry's row, or no more than the transaction of an entry. */
type LogRow = [
  text: string | null,
  xid: string | null,
  /** Where the entry stands in its transaction. */
  sequence: string | null,
  relation: string | number | null,
  command: string | null,
  oldRow: string | null,
  newRow: string | null,
  details: string | null,
]

function readingOf(rows: readonly LogRow[]): LogReading {
  let state: string | undefined
  const fingerprints = new Map<RelationId, string>()
  const transactions = new Set<string>()
  const found: LogRow[] = []
  for (const row of rows) {
    const [text, xid, sequence, relation, command] = row
    // Whoever installs is no writer that readers could lie awake for.
    if (xid !== null && command !== INSTALLED) transactions.add(xid)
    if (sequence !== null) found.push(row)
    else if (text !== null && relation !== null) fingerprints.set(Number(relation), text)
    else if (text !== null) state = text
  }
  if (state === undefined) throw new Error('the change log answered without its state')
  // The rows of an entry stay as they come.
  if (found.length > 1) found.sort(bySequence)
  const [snapshot, now, awakeUntil, mode, lost, first, second, epoch] = state.split(' ') as StateTexts
  return {
    snapshot,
    now: Number(now),
    awakeUntil: Number(awakeUntil),
    mode: Number(mode),
    lost: BigInt(lost),
    dropped: [BigInt(first), BigInt(second)],
    epoch,
    transactions: transactions.size,
    fingerprints,
    entries: found.map(entryOf),
  }
}

type StateTexts = [string, string, string, string, string, string, string, string | undefined]

function entryOf([, , , relation, command, oldRow, newRow, details]: LogRow): LogEntry {
  return {
    relation: Number(relation),
    command,
    oldRow,
    newRow,
    details: details === null ? NO_DETAILS : (JSON.parse(details) as EntryDetails),
  }
}

const NO_DETAILS: EntryDetails = {}

/** In the order in which transactions began to write, and each one's commands ran. */
function bySequence([, xid, sequence]: LogRow, [, otherXid, otherSequence]: LogRow): number {
  return compareNumbers(xid!, otherXid!) || compareNumbers(sequence!, otherSequence!)
}

function compareNumbers(a: string, b: string): number {
  if (a.length !== b.length) return a.length - b.length
  if (a === b) return 0
  return a < b ? -1 : 1
}

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
 * `xmax` on, and those in between that were in progress, if any were. Asked for in two ranges that an index can answer: the
 * table is never analyzed, so the planner must be told that a range is narrow. Never "id above the last one": transactions
 * do not commit in the order of their ids.
 *
 * The state is read after the segments are locked by this very statement: nobody can truncate them until the
 * transaction ends, so `dropped` is what it is for this batch.
 *
 * After some rest each node of the plan costs more to begin than to run, so there is none that can be spared: the order,
 * and how many transactions there are, are for the reader to find out. Of relations that nobody here watches it gets
 * nothing but the transaction.
 */
function readSql(objects: CaptureObjects, hadOpen: boolean): string {
  const fields = 'xid, cmin::text::int8 AS sequence, relation, command, images, details::text'
  const half = 'pg_catalog.cardinality(images) / 2'
  const later = (segment: string): string => `
  SELECT ${fields} FROM ${segment} WHERE xid >= pg_catalog.pg_snapshot_xmax($1::pg_catalog.pg_snapshot)
    AND xid < pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())`
  const open = (segment: string): string => `
  SELECT ${fields} FROM ${segment} WHERE xid = ANY (ARRAY(SELECT pg_catalog.pg_snapshot_xip($1::pg_catalog.pg_snapshot)))`
  const parts = [later, ...(hadOpen ? [open] : [])].flatMap((part) => objects.segments.map(part))
  const value = (sequence: string, otherwise: number): string =>
    `coalesce(pg_catalog.pg_sequence_last_value(${quoteLiteral(sequence)}::pg_catalog.regclass), ${otherwise})`
  return `
WITH entries AS MATERIALIZED (${parts.join('\n  UNION ALL')}
)
SELECT pg_catalog.concat_ws(' ', pg_catalog.pg_current_snapshot(),
    (pg_catalog.date_part('epoch', pg_catalog.clock_timestamp()) * 1000)::int8, ${value(objects.awakeUntil, 0)},
    ${value(objects.mode, 0)}, ${value(objects.lost, -1)}, ${value(objects.dropped[0], 0)}, ${value(objects.dropped[1], 0)},
    (SELECT value FROM ${objects.epoch})),
  NULL::xid8, NULL::int8, NULL::oid, NULL::text, NULL::text, NULL::text, NULL::text
UNION ALL
SELECT ${FINGERPRINT}, NULL, NULL, relation, NULL, NULL, NULL, NULL
FROM (SELECT DISTINCT relation FROM entries WHERE relation = ANY ($2::oid[])) watched
UNION ALL
SELECT NULL, xid, sequence, relation, command,
  -- As many rows as the longer one has; an entry without images is one.
  pg_catalog.unnest(CASE WHEN images IS NULL THEN '{NULL}' WHEN command = 'UPDATE' THEN images[:${half}] WHEN command = 'DELETE' THEN images END),
  pg_catalog.unnest(CASE command WHEN 'UPDATE' THEN images[${half} + 1:] WHEN 'INSERT' THEN images END), details
FROM entries WHERE relation = ANY ($2::oid[])
UNION ALL
SELECT NULL, xid, NULL, NULL, NULL, NULL, NULL, NULL FROM entries WHERE relation <> ALL ($2::oid[]) AND command IS DISTINCT FROM '${INSTALLED}'`
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
