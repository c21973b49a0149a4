import type { Condition, LinkedColumn, Plan, PlanTable } from '../analyze/plan.js'
import type { Change, RowChange, TextRow } from '../change.js'
import { arrayText } from '../util/parameter-text.js'
import { quoteIdentifier, quoteLiteral } from '../util/postgres.js'
import { imageValue, isComparable } from './conditions.js'
import { isSendable, SENT, type JoinWay } from './way.js'

/** A row as it was before or after a change. */
export interface Image {
  readonly change: RowChange
  readonly row: TextRow
}

/** One SELECT for `slots.length` columns of text, and the arrays it takes, numbered from `$1`. */
export interface Question {
  /** `parameter(n)` is how the statement writes the n-th of `values`, from 0. */
  readonly sql: (parameter: (n: number) => string) => string
  readonly values: readonly string[]
  /** How many rows the arrays hold, at most. */
  readonly rows: number
}

/**
 * "Which values are these rows joined with?": the query's own conditions, with the changed rows in place of the table.
 * A partner's rows that this batch deleted or changed count as well as the present ones, or a row and its partner that
 * go together would be missed. `undefined`: the log lacks a value that the question needs.
 */
export function questionOf(
  plan: Plan,
  way: JoinWay,
  images: readonly Image[],
  changes: readonly Change[],
): Question | undefined {
  const values: string[] = []
  const add = (array: string): number => values.push(array) - 1
  const columns = ownColumns(way)
  const own = rowsSql(way.table, columns, images, add)
  if (own === undefined) return undefined
  let rows = images.length
  const from = [(parameter: Parameter) => `${own(parameter)} as t(${columns.map(quoteIdentifier).join(', ')})`]
  for (const [index, partner] of way.partners.entries()) {
    const table = plan.tables.find(({ relation }) => relation === partner.relation)
    if (!table) return undefined
    const joined = partnerColumns(plan, table, way, index)
    const old = oldImages(table, changes)
    const before = old.length > 0 ? rowsSql(table, joined, old, add) : NO_ROWS
    if (before === undefined) return undefined
    rows += old.length
    from.push((parameter) => `${partnerSql(table, joined, before(parameter))} as p${index}`)
  }
  const where = [...linksSql(way), ...constantsSql(plan, way)]
  return {
    values,
    rows,
    sql: (parameter) =>
      `select distinct ${way.slots.map(({ at }) => `${columnSql(at)}::text`).join(', ') || 'true::text'} from ` +
      from.map((item) => item(parameter)).join(', ') +
      (where.length > 0 ? ` where ${where.join(' and ')}` : ''),
  }
}

type Parameter = (n: number) => string
type RowsSql = (parameter: Parameter) => string

const NO_ROWS: RowsSql = () => ''

function ownColumns({ links, slots }: JoinWay): readonly string[] {
  return unique(
    [...links.flatMap(({ left, right }) => [left, right]), ...slots.map(({ at }) => at)]
      .filter(({ partner }) => partner < 0)
      .map(({ column }) => column),
  )
}

function partnerColumns(
  plan: Plan,
  table: PlanTable,
  { links, slots, partners }: JoinWay,
  index: number,
): readonly string[] {
  return unique([
    ...[...links.flatMap(({ left, right }) => [left, right]), ...slots.map(({ at }) => at)]
      .filter(({ partner }) => partner === index)
      .map(({ column }) => column),
    ...(partners[index]?.conditions ?? [])
      .filter((condition) => isAskable(plan, table, condition))
      .map(({ column }) => column),
  ])
}

/** Rows of the log as a function scan that can be joined with. */
function rowsSql(
  table: PlanTable,
  columns: readonly string[],
  images: readonly Image[],
  add: (array: string) => number,
): RowsSql | undefined {
  const numbers: number[] = []
  for (const column of columns) {
    const texts = images.map(({ change, row }) => imageValue(change, row, column))
    if (!texts.every((text) => text !== undefined)) return undefined
    numbers.push(add(arrayText(texts)))
  }
  const types = columns.map((column) => table.comparable[column]?.type ?? 'text')
  return (parameter) => {
    const arrays = numbers.map((number, index) => `${parameter(number)}::${types[index]!}[]`)
    return `unnest(${arrays.join(', ')})`
  }
}

function partnerSql(table: PlanTable, columns: readonly string[], before: string): string {
  const names = columns.map(quoteIdentifier).join(', ')
  const present = `select ${names} from ${quoteIdentifier(table.schema)}.${quoteIdentifier(table.name)}`
  // OFFSET 0 keeps the planner from taking the arm apart, which would cost the other arm its index.
  return before === '' ? `(${present})` : `(${present} union all select * from (select * from ${before} offset 0) b)`
}

function oldImages(table: PlanTable, changes: readonly Change[]): readonly Image[] {
  return changes.flatMap((change) =>
    change.kind === 'row' && change.oldRow && table.family.includes(change.relation)
      ? [{ change, row: change.oldRow }]
      : [],
  )
}

function columnSql({ partner, column }: LinkedColumn): string {
  return `${partner < 0 ? 't' : `p${partner}`}.${quoteIdentifier(column)}`
}

function linksSql({ links }: JoinWay): readonly string[] {
  return links.map(({ left, operator, right }) => `${columnSql(left)} ${operator} ${columnSql(right)}`)
}

/** The partners' conditions that are the same for all instances. */
function constantsSql(plan: Plan, { partners }: JoinWay): readonly string[] {
  return partners.flatMap(({ relation, conditions }, partner) => {
    const table = plan.tables.find((candidate) => candidate.relation === relation)
    return conditions
      .filter((condition) => isAskable(plan, table, condition))
      .map((condition) => constantSql(partner, condition))
  })
}

/** The same for all instances, and compared in a question as in the query: whatever setting, clock or collation it has. */
function isAskable(plan: Plan, table: PlanTable | undefined, condition: Condition): boolean {
  const column = table?.comparable[condition.column]
  if (!isConstant(condition) || !isSendable(column) || !isComparable(condition, column, plan.parameterTypes))
    return false
  if (condition.operands.length === 0) return true
  const kind = column?.valueKind ?? null
  return SENT.has(kind) && (kind !== 'text' || !ORDERS.has(condition.operator))
}

const ORDERS: ReadonlySet<string> = new Set(['<', '<=', '>', '>='])

function constantSql(partner: number, { column, operator, operands }: Condition): string {
  const literals = operands.map((operand) => (operand.kind === 'literal' ? literalSql(operand.value) : 'null'))
  const right = operator === 'in' ? `(${literals.join(', ')})` : (literals[0] ?? '')
  return `${columnSql({ partner, column })} ${operator} ${right}`.trimEnd()
}

function literalSql(value: string | number | boolean | null): string {
  return typeof value === 'string' ? quoteLiteral(value) : String(value)
}

function isConstant({ operator, operands }: Condition): boolean {
  return operands.every(({ kind }) => kind === 'literal') && (operands.length > 0 || operator.startsWith('is'))
}

function unique(columns: readonly string[]): readonly string[] {
  return [...new Set(columns)]
}
