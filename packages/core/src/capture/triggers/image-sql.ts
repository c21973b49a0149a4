import { quoteIdentifier, quoteLiteral } from '../../util/postgres.js'
import { BULK_ROWS, HUGE_BYTES, LARGE_BYTES } from './settings.js'
import type { CapturedColumn, CapturedTable } from './trigger-function.js'

/** How the rows of transition tables, or of subqueries like them, become images in the log. Rows are `r`. */
export interface ImageSql {
  /**
   * An expression for the text[] of the images of all rows of these tables, one table after the other: of one more row
   * than a bulk entry needs at most.
   */
  images(tables: readonly string[]): string
  /** The columns that an image holds; `undefined`: all. */
  readonly columns: readonly string[] | undefined
}

export interface DigestSql extends ImageSql {
  readonly columns: readonly string[]
  /** An expression for the text[] of columns whose value some row holds as a digest. */
  hashed(rows: string): string
}

export interface TableImages {
  /** The rows as they are; NULL for a row with a large value, which is never fetched for it. */
  readonly plain: ImageSql
  /** Large values as digests; `undefined` where no column can be large. */
  readonly digested: DigestSql | undefined
}

export function imagesOf(table: CapturedTable): TableImages {
  const columns = loggedColumns(table)
  const large = columns.filter(canBeLarge)
  const names = columns.map((column) => column.name)
  // The whole row, whatever its columns are by now, unless some must stay out, or one that is added later.
  const row = table.exclude.length === 0 ? '(r.*)::text' : rowOf(columns.map(value))
  const plain: ImageSql = {
    images: (tables) =>
      arrayOf(large.length === 0 ? row : `CASE WHEN ${anyLarge(large)} THEN NULL ELSE ${row} END`, tables),
    columns: table.exclude.length === 0 ? undefined : names,
  }
  if (large.length === 0) return { plain, digested: undefined }
  const digested = rowOf(columns.map((column) => (large.includes(column) ? digest(column) : value(column))))
  return {
    plain,
    digested: {
      images: (tables) => arrayOf(digested, tables),
      hashed: (rows) => hashedColumns(large, rows),
      columns: names,
    },
  }
}

export function loggedColumns(table: CapturedTable): readonly CapturedColumn[] {
  return table.columns.filter((column) => !table.exclude.includes(column.name))
}

const LIMIT = BULK_ROWS + 1

function arrayOf(expression: string, tables: readonly string[]): string {
  const selects = tables.map((rows) => `SELECT ${expression} FROM ${rows} r`)
  return `ARRAY(${selects.join(' UNION ALL ')} LIMIT ${LIMIT * tables.length})`
}

function rowOf(expressions: readonly string[]): string {
  return `ROW(${expressions.join(', ')})::text`
}

/** PostgreSQL refuses to read a virtual column of a transition table by its name, and has nothing there. */
function value(column: CapturedColumn): string {
  return column.virtual ? 'NULL' : reference(column)
}

function reference(column: CapturedColumn): string {
  return `r.${quoteIdentifier(column.name)}`
}

/** `greatest` skips NULLs, and is NULL for a row of NULLs only: not large. */
function anyLarge(columns: readonly CapturedColumn[]): string {
  return `greatest(${columns.map(size).join(', ')}) > ${LARGE_BYTES}`
}

function digest(column: CapturedColumn): string {
  // `format` writes a value by its type's own output function; a cast to text does not for char(n), inet, and others.
  const text = `format('%s', ${reference(column)})`
  return `CASE WHEN ${size(column)} <= ${LARGE_BYTES} THEN ${text}
    WHEN ${size(column)} <= ${HUGE_BYTES} THEN encode(sha256(convert_to(${text}, 'UTF8')), 'hex') END`
}

function hashedColumns(columns: readonly CapturedColumn[], rows: string): string {
  const names = columns.map(
    (column) => `CASE WHEN bool_or(${size(column)} > ${LARGE_BYTES}) THEN ${quoteLiteral(column.name)} END`,
  )
  // By the table too: a variable of the function may have the name of a column.
  const read = columns.map(({ name }) => `s.${quoteIdentifier(name)}`).join(', ')
  return `(SELECT array_remove(ARRAY[${names.join(', ')}], NULL) FROM (SELECT ${read} FROM ${rows} s LIMIT ${LIMIT}) r)`
}

const TEXT = 25
const VARCHAR = 1043
const BPCHAR = 1042
const BYTEA = 17
/** numeric, inet, cidr: of variable length, and short enough in practice. A reader hashes what is not. */
const SHORT_TYPES: ReadonlySet<number> = new Set([1700, 869, 650])
const TYPMOD_HEADER = 4
const BYTES_PER_CHARACTER = 4

/** Bytes of a value without fetching it: before compression where PostgreSQL can tell, else as it is stored. */
function size(column: CapturedColumn): string {
  const raw = [TEXT, VARCHAR, BPCHAR, BYTEA].includes(column.type)
  return `${raw ? 'octet_length' : 'pg_column_size'}(${reference(column)})`
}

function canBeLarge(column: CapturedColumn): boolean {
  if (!column.variable || column.virtual || SHORT_TYPES.has(column.type)) return false
  const declared = column.type === VARCHAR || column.type === BPCHAR ? column.modifier - TYPMOD_HEADER : -1
  return declared < 0 || declared * BYTES_PER_CHARACTER > LARGE_BYTES
}

export function textArray(values: readonly string[]): string {
  return `ARRAY[${values.map(quoteLiteral).join(', ')}]::text[]`
}
