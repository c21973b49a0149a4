import type {
  ComparableColumn,
  Condition,
  Link,
  LinkedColumn,
  Occurrence,
  Partner,
  Plan,
  PlanTable,
  TopRows,
  ValueKind,
} from '../analyze/plan.js'
import { isComparable } from './conditions.js'
import type { Slot } from './instance-index.js'

/**
 * How changes of one occurrence find instances, decided once for each shape:
 * - `every`: each change reaches every instance;
 * - `values`: the changed row itself holds the values that instances are looked up by;
 * - `join`: PostgreSQL is asked which values the changed rows are joined with.
 */
export type Way = {
  readonly table: PlanTable
  readonly alias: string
  /** An UPDATE that touches none of them does not matter here. */
  readonly columns: ReadonlySet<string>
  /** Conditions on the changed row that are the same for all instances. */
  readonly constants: readonly Condition[]
  readonly top: TopRows | undefined
} & (
  | { readonly kind: 'every'; readonly reason: string }
  | {
      readonly kind: 'values'
      readonly slots: readonly OwnSlot[]
      /** Conditions on the changed row that depend on the instance and cannot be looked up. */
      readonly checks: readonly Condition[]
    }
  | {
      readonly kind: 'join'
      readonly slots: readonly JoinSlot[]
      readonly partners: readonly Partner[]
      readonly links: readonly Link[]
    }
)

export type JoinWay = Extract<Way, { kind: 'join' }>

export interface OwnSlot extends Slot {
  readonly column: string
}

export interface JoinSlot extends Slot {
  readonly at: LinkedColumn
}

/** More do not make an index better. */
const MOST_SLOTS = 6

/** The ways of a plan: for each of its tables at least one. */
export function waysOf(plan: Plan): readonly Way[] {
  const tables = new Map(plan.tables.map((table) => [table.relation, table]))
  if (plan.occurrences.length === 0) return plan.tables.map((table) => everyInstance(table, NOT_READ))
  return plan.occurrences.flatMap((occurrence) => {
    const table = tables.get(occurrence.relation)
    return table ? [wayOf(plan, tables, table, occurrence)] : []
  })
}

const NOT_READ = 'the query is raw SQL'

function everyInstance(table: PlanTable, reason: string): Way {
  const columns = new Set(table.columns === 'all' ? Object.keys(table.columnTypes) : table.columns)
  return { kind: 'every', table, alias: table.name, columns, constants: [], top: undefined, reason }
}

function wayOf(plan: Plan, tables: ReadonlyMap<number, PlanTable>, table: PlanTable, occurrence: Occurrence): Way {
  const { alias } = occurrence
  const joined = new Joined(plan, tables, table, occurrence)
  // A condition may stand on a column of another type, which this one is turned into on the way: `union`, say.
  const own = occurrence.conditions.filter((condition) =>
    isComparable(condition, table.comparable[condition.column], plan.parameterTypes),
  )
  const constants = own.filter((condition) => !isParametric(condition))
  const top = isExact(plan) ? occurrence.top : undefined
  const base = { table, alias, columns: new Set(occurrence.columns), constants, top }
  const slots = joined.slots().slice(0, MOST_SLOTS)
  const isOwn = slots.every(({ at }) => at.partner < 0)
  if (joined.isNarrower && !(isOwn && slots.length > 0)) {
    const asked = slots.filter(({ kind }) => SENT.has(kind))
    if (asked.length > 0 || (slots.length === 0 && !occurrence.conditions.some(isParametric))) {
      return { kind: 'join', ...base, slots: asked, partners: joined.partners, links: joined.links }
    }
  }
  const ownSlots = slots.filter(({ at }) => at.partner < 0).map(({ at, ...slot }) => ({ ...slot, column: at.column }))
  const looked = new Set(ownSlots.map(({ operands }) => operands))
  const checks = own.filter((condition) => isParametric(condition) && !looked.has(condition.operands))
  if (ownSlots.length + checks.length + constants.length > 0)
    return { kind: 'values', ...base, slots: ownSlots, checks }
  return { kind: 'every', ...base, reason: occurrence.reason ?? 'no condition of it can be looked up' }
}

/** Kinds whose text, as input and output, depends on no setting of the connection and on no clock. */
export const SENT: ReadonlySet<ValueKind | null> = new Set(['number', 'text', 'uuid', 'boolean', 'enum'])

/** Whether the present rows are the query's result as long as no change has reached it. */
function isExact({ timeDependent, opaqueFunctions, unwatchable }: Plan): boolean {
  return timeDependent.length + opaqueFunctions.length + unwatchable.length === 0
}

function isParametric({ operands }: Condition): boolean {
  return operands.some(({ kind }) => kind !== 'literal')
}

/** An occurrence with what it is joined with, as far as PostgreSQL's own operators compare it. */
class Joined {
  readonly partners: readonly Partner[]
  readonly links: readonly Link[]
  readonly #occurrence: Occurrence
  readonly #plan: Plan
  readonly #table: PlanTable
  readonly #tables: ReadonlyMap<number, PlanTable>

  constructor(plan: Plan, tables: ReadonlyMap<number, PlanTable>, table: PlanTable, occurrence: Occurrence) {
    this.#plan = plan
    this.#tables = tables
    this.#table = table
    this.#occurrence = occurrence
    this.partners = occurrence.partners
    const usable = occurrence.links.filter((link) => this.#isAskable(link))
    const isTied =
      usable.length === occurrence.links.length && occurrence.partners.every(({ relation }) => tables.has(relation))
    if (!isTied) this.partners = []
    this.links = isTied ? usable : []
  }

  /**
   * Whether PostgreSQL compares the two in a question as in the query. Values of two kinds may be compared by a setting of
   * the scope, such as the time zone; texts are sent without their column's collation, which decides what is less.
   */
  #isAskable({ left, operator, right }: Link): boolean {
    const [one, other] = [this.column(left), this.column(right)]
    if (!isSendable(one) || !isSendable(other) || one?.valueKind !== other?.valueKind) return false
    return one?.valueKind !== 'text' || operator === '=' || operator === '<>'
  }

  /** Whether the partners say more than the row itself. */
  get isNarrower(): boolean {
    return this.partners.length > 0
  }

  column({ partner, column }: LinkedColumn): ComparableColumn | undefined {
    const relation = this.#occurrence.partners[partner]?.relation
    const table = partner < 0 ? this.#table : relation === undefined ? undefined : this.#tables.get(relation)
    return table?.comparable[column]
  }

  /** Equalities with parameters; on the row's own column where the links make one equal to a partner's. */
  slots(): readonly JoinSlot[] {
    const conditions = [
      ...this.#occurrence.conditions.map((condition) => ({ partner: -1, condition })),
      ...this.partners.flatMap(({ conditions: all }, partner) => all.map((condition) => ({ partner, condition }))),
    ]
    return conditions.flatMap(({ partner, condition }) => {
      const at = { partner, column: condition.column }
      const column = this.column(at)
      const isEquality = condition.operator === '=' || condition.operator === 'in'
      if (!isEquality || !isParametric(condition)) return []
      if (!column?.valueKind || !column.builtIn || !isComparable(condition, column, this.#plan.parameterTypes))
        return []
      return [{ at: this.#ownEqual(at), kind: column.valueKind, operands: condition.operands }]
    })
  }

  /** A column of the row itself that must have the same value, if there is one. */
  #ownEqual(at: LinkedColumn): LinkedColumn {
    const kind = this.column(at)?.valueKind
    const equal = [at]
    for (const column of equal) {
      if (column.partner < 0) return column
      for (const { left, operator, right } of this.links) {
        if (operator !== '=') continue
        const next = isSame(left, column) ? right : isSame(right, column) ? left : undefined
        if (next && this.column(next)?.valueKind === kind && !equal.some((known) => isSame(known, next)))
          equal.push(next)
      }
    }
    return at
  }
}

/**
 * Whether a value of the log means the same to PostgreSQL when it is sent back: its text depends on no setting, and the
 * operators that compare it on no search path.
 */
export function isSendable(column: ComparableColumn | undefined): boolean {
  return column !== undefined && column.builtIn && column.valueKind !== null
}

function isSame(one: LinkedColumn, other: LinkedColumn): boolean {
  return one.partner === other.partner && one.column === other.column
}
