import { isDeepStrictEqual } from 'node:util'
import type { Kysely } from 'kysely'
import type { Plan, PlanTable } from '../analyze/plan.js'
import type { RowChange } from '../change.js'
import { InvalidOptionError, RefreshFilterError, type RealtimeError } from '../errors.js'
import type { ChangeFilter, Hit } from './contract.js'
import { decodeChange, decodeRow, type TypeParsers } from './decode.js'
import type { Names } from './names.js'
import type { RefreshFunction, RefreshOption, ResultReference } from './refresh-option.js'

export interface FilterContext<DB> {
  readonly db: Kysely<DB>
  readonly names: Names
  readonly parsers: TypeParsers
  readonly onError: (error: RealtimeError) => void
}

type Rows<Row> = () => readonly Row[]

/**
 * The application's `refresh` option, ready to decide. What must hold: whatever cannot be decided (a filter that
 * throws, a value that is only a digest) refreshes.
 */
export class RefreshFilter<DB, Row> implements ChangeFilter {
  readonly #option: RefreshOption<DB, Row>
  readonly #context: FilterContext<DB>
  readonly #rows: Rows<Row>

  /** `rows` gives the query's present result. */
  constructor(option: RefreshOption<DB, Row>, context: FilterContext<DB>, rows: Rows<Row>) {
    this.#option = option
    this.#rows = rows
    this.#context = context
    if (typeof option !== 'function' && (typeof option !== 'object' || option === null)) {
      throw new InvalidOptionError('refresh must be a function, or an object with a filter for each table.')
    }
  }

  get isAsync(): boolean {
    return (
      typeof this.#option === 'function' || Object.values(this.#option).some((filter) => typeof filter === 'function')
    )
  }

  /** Names in the option that the query does not have are an error: a filter that never applies hides a mistake. */
  check(plan: Plan): void {
    if (typeof this.#option === 'function') return
    for (const [key, filter] of Object.entries<unknown>(this.#option)) {
      const table = plan.tables.find((candidate) => this.#isTable(key, candidate))
      if (!table) {
        throw new InvalidOptionError(
          `refresh names the table "${key}", which the query does not read; it reads ${plan.tables.map((t) => t.label).join(', ') || 'no table'}.`,
        )
      }
      if (typeof filter !== 'object' || filter === null) continue
      for (const column of Object.keys(filter)) {
        const name = this.#context.names.toColumn(key, column)
        if (table.columnTypes[name] !== undefined) continue
        throw new InvalidOptionError(`refresh names the column "${key}.${column}", which does not exist.`)
      }
    }
  }

  async decide(hit: Hit): Promise<boolean> {
    for (const { table, change } of hit.undecided) {
      try {
        if (await this.#accepts(table, change)) return true
      } catch (cause) {
        const reason = cause instanceof Error ? cause.message : String(cause)
        this.#context.onError(
          new RefreshFilterError(
            `The refresh filter for a change of ${table.label} threw: ${reason}. The query was refreshed all the same; make the filter return true or false.`,
            { cause },
          ),
        )
        return true
      }
    }
    return false
  }

  async #accepts(table: PlanTable, change: RowChange): Promise<boolean> {
    if (typeof this.#option === 'function') return this.#call(this.#option, table, change)
    const entry = Object.entries(this.#option).find(([key]) => this.#isTable(key, table))
    if (!entry || entry[1] === 'default' || entry[1] === undefined) return true
    const [key, filter] = entry
    if (typeof filter === 'function') return this.#call(filter as RefreshFunction<DB, Row>, table, change)
    return this.#matches(key, filter as Record<string, unknown>, table, change)
  }

  async #call(decide: RefreshFunction<DB, Row>, table: PlanTable, change: RowChange): Promise<boolean> {
    const { parsers, names, db } = this.#context
    const event = await decodeChange<DB>(table, change, parsers, names)
    const answer = await decide({ change: event, rows: this.#rows(), db })
    return answer === 'default' || Boolean(answer)
  }

  #matches(key: string, filter: Record<string, unknown>, table: PlanTable, change: RowChange): boolean {
    const images = [change.oldRow, change.newRow].flatMap((row) =>
      row ? [decodeRow(table, row, change.hashed, this.#context.parsers)] : [],
    )
    return Object.entries(filter).some(([columnKey, expected]) => {
      if (expected === undefined) return false
      const column = this.#context.names.toColumn(key, columnKey)
      if (change.hashed.has(column)) return true
      const isMatch = columnTest(expected, this.#rows)
      return images.some((row) => column in row && isMatch(row[column]))
    })
  }

  #isTable(key: string, table: PlanTable): boolean {
    const { schema, name } = this.#context.names.toTable(key)
    return (
      table.name === name &&
      (schema === undefined ? table.label === name || !key.includes('.') : schema === table.schema)
    )
  }
}

function columnTest<Row>(expected: unknown, rows: Rows<Row>): (value: unknown) => boolean {
  if (typeof expected === 'function') return (value) => Boolean((expected as (value: unknown) => unknown)(value))
  if (isResultReference(expected)) {
    const { column } = expected
    return (value) => rows().some((row) => isEqual((row as Record<string, unknown>)[column], value))
  }
  return (value) => isEqual(expected, value)
}

function isResultReference(value: unknown): value is ResultReference {
  return typeof value === 'object' && value !== null && (value as ResultReference).kind === 'result'
}

/** `pg` hands out int8 and numeric as strings: a number or bigint equals the string that means it. */
function isEqual(left: unknown, right: unknown): boolean {
  if (isDeepStrictEqual(left, right)) return true
  if (typeof left === 'string' && (typeof right === 'number' || typeof right === 'bigint')) return isEqual(right, left)
  if (typeof left === 'number' && typeof right === 'string') return right.trim() !== '' && Number(right) === left
  if (typeof left === 'bigint' && typeof right === 'string') return right === left.toString()
  return typeof left === 'bigint' && typeof right === 'number'
    ? Number(left) === right
    : typeof left === 'number' && typeof right === 'bigint' && left === Number(right)
}
