import type { Plan, PlanTable } from '../analyze/plan.js'
import type { RowChange, TextRow } from '../change.js'
import type { RouteExplanation } from '../live/contract.js'
import type { Clock } from '../util/clock.js'
import { isBehind } from './behind.js'
import { fails, imageValue } from './conditions.js'
import type { Routable } from './contract.js'
import { describeWay } from './describe.js'
import { InstanceIndex, type Slot } from './instance-index.js'
import type { Image } from './question.js'
import { Unasked } from './unasked.js'
import { waysOf, type JoinWay, type Way } from './way.js'

/** The live queries of one shape, and how changes find them. */
export class Shape<Query extends Routable> {
  readonly plan: Plan
  readonly queries = new Set<Query>()
  readonly unasked: Unasked
  readonly #ways: ReadonlyMap<PlanTable, readonly Way[]>
  readonly #indexes = new Map<Way, InstanceIndex<Query>>()
  readonly #distinctIndexes: readonly InstanceIndex<Query>[]

  constructor(plan: Plan, clock: Pick<Clock, 'now'>) {
    this.plan = plan
    this.unasked = new Unasked(clock)
    const ways = waysOf(plan)
    this.#ways = new Map(plan.tables.map((table) => [table, ways.filter((way) => way.table === table)]))
    const bySlots = new Map<string, InstanceIndex<Query>>()
    for (const way of ways) {
      if (way.kind === 'every') continue
      const slots: readonly Slot[] = way.slots
      const key = JSON.stringify(slots.map(({ kind, operands }) => [kind, operands]))
      const index = bySlots.get(key) ?? new InstanceIndex<Query>(slots)
      bySlots.set(key, index)
      this.#indexes.set(way, index)
    }
    this.#distinctIndexes = [...bySlots.values()]
  }

  add(query: Query): void {
    this.queries.add(query)
    for (const index of this.#distinctIndexes) index.add(query)
  }

  remove(query: Query): void {
    if (!this.queries.delete(query)) return
    for (const index of this.#distinctIndexes) index.remove(query)
  }

  /** How changes reach its instances, in words. */
  describe(): readonly RouteExplanation[] {
    return [...this.#ways.values()].flat().map((way) => describeWay(way, this.unasked))
  }

  /** Ways of a table that an UPDATE of these columns can matter to; all of them for `undefined`. */
  *ways(table: PlanTable, columns: readonly string[] | undefined): Generator<Way> {
    const isAny = columns === undefined || table.columns === 'all'
    for (const way of this.#ways.get(table) ?? []) {
      if (isAny || columns.some((column) => way.columns.has(column))) yield way
    }
  }

  /** The images of a change that meet what all instances ask of a row. */
  relevantImages(way: Way, change: RowChange): readonly Image[] {
    const images: Image[] = []
    for (const row of [change.oldRow, change.newRow]) {
      if (row && !this.#failsConstants(way, change, row)) images.push({ change, row })
    }
    return images
  }

  #failsConstants({ table, constants }: Way, change: RowChange, row: TextRow): boolean {
    return constants.some((condition) => {
      const column = table.comparable[condition.column]
      return column !== undefined && fails(condition, column, imageValue(change, row, condition.column), [])
    })
  }

  /** The instances that an image's own values lead to. */
  *found(way: Extract<Way, { kind: 'values' }>, { change, row }: Image): Generator<Query> {
    const values = way.slots.map(({ column }) => imageValue(change, row, column))
    for (const query of this.#indexes.get(way)?.find(values) ?? this.queries) {
      const isOut = way.checks.some((condition) => {
        const column = way.table.comparable[condition.column]
        const value = imageValue(change, row, condition.column)
        return column !== undefined && fails(condition, column, value, query.parameters)
      })
      if (!isOut) yield query
    }
  }

  /** Those of the instances that show, or could show, a row at the place of one of the images. */
  *inReach({ top, table }: Way, images: readonly Image[], queries: Iterable<Query>): Generator<Query> {
    for (const query of queries) {
      if (!top || !images.every((image) => isBehind(top, table, image, query))) yield query
    }
  }

  /** The instances that an answer of PostgreSQL leads to. */
  answered(way: JoinWay, values: readonly (string | null)[]): Iterable<Query> {
    if (way.slots.length === 0) return this.queries
    return this.#indexes.get(way)?.find(values) ?? this.queries
  }
}
