import type { PlanTable } from '../analyze/plan.js'
import type { Change, RelationId, RowChange } from '../change.js'
import { systemClock, type Clock } from '../util/clock.js'
import type { Ask, Hit, Inquiry, Routable } from './contract.js'
import { Shape } from './shape.js'
import type { Image } from './question.js'
import type { JoinWay } from './way.js'

/**
 * Finds the live queries that a batch can affect: by table, operation and column, and then by the values that each way
 * into the query asks for. What a change costs does not grow with the number of live queries that it does not reach.
 */
export class Router<Query extends Routable> {
  readonly #shapes = new Map<Query['plan'], Shape<Query>>()
  readonly #routes = new Map<RelationId, Map<PlanTable, Shape<Query>>>()
  readonly #clock: Pick<Clock, 'now'>

  constructor(clock: Pick<Clock, 'now'> = systemClock) {
    this.#clock = clock
  }

  add(query: Query): void {
    this.#shapeOf(query.plan).add(query)
  }

  #shapeOf(plan: Query['plan']): Shape<Query> {
    const known = this.#shapes.get(plan)
    if (known) return known
    const shape = new Shape<Query>(plan, this.#clock)
    this.#shapes.set(plan, shape)
    for (const table of plan.tables) {
      for (const relation of table.family) {
        getOrCreate(this.#routes, relation, () => new Map<PlanTable, Shape<Query>>()).set(table, shape)
      }
    }
    return shape
  }

  /** Must be called with the plan that the query was added with. */
  remove(query: Query): void {
    const shape = this.#shapes.get(query.plan)
    shape?.remove(query)
    if (!shape || shape.queries.size > 0) return
    this.#shapes.delete(query.plan)
    for (const table of query.plan.tables) {
      for (const relation of table.family) {
        const byTable = this.#routes.get(relation)
        byTable?.delete(table)
        if (byTable?.size === 0) this.#routes.delete(relation)
      }
    }
  }

  /** How changes find the instances of a plan, where there are any. */
  shape(plan: Query['plan']): Shape<Query> | undefined {
    return this.#shapes.get(plan)
  }

  /** `ask` puts the questions of the whole batch to PostgreSQL, on the batch's own snapshot. */
  async route(changes: readonly Change[], ask: Ask): Promise<Map<Query, Hit>> {
    const hits = new Map<Query, Hit>()
    const asked = new Map<JoinWay, Asked<Query>>()
    for (const change of changes) {
      const changed = change.kind === 'row' ? changedColumns(change) : undefined
      for (const [table, shape] of this.#routes.get(change.relation) ?? []) {
        const columns = touchedColumns(table, change, changed)
        if (columns) this.#routeToShape(hits, asked, { shape, table, change, columns })
      }
    }
    if (asked.size > 0) await this.#routeAnswers(hits, [...asked.values()], changes, ask)
    return hits
  }

  #routeToShape(hits: Map<Query, Hit>, asked: Map<JoinWay, Asked<Query>>, step: Step<Query>): void {
    const { shape, table, change, columns } = step
    if (change.kind !== 'row') return addAll(hits, shape.queries, step)
    const isAnyColumn = change.operation !== 'update' || table.ancestors.includes(change.relation)
    for (const way of shape.ways(table, isAnyColumn ? undefined : columns)) {
      const images = shape.relevantImages(way, change)
      if (images.length === 0) continue
      if (way.kind === 'every') addAll(hits, shape.inReach(way, images, shape.queries), step)
      else if (way.kind === 'values') {
        for (const image of images) addAll(hits, shape.inReach(way, [image], shape.found(way, image)), step)
      } else if (shape.unasked.has(way)) addAll(hits, shape.queries, step)
      else {
        const inquiry = getOrCreate(asked, way, (): Asked<Query> => ({ shape, way, images: [], steps: [] }))
        inquiry.images.push(...images)
        inquiry.steps.push(step)
      }
    }
  }

  async #routeAnswers(
    hits: Map<Query, Hit>,
    asked: readonly Asked<Query>[],
    changes: readonly Change[],
    ask: Ask,
  ): Promise<void> {
    // Where a change of a whole table reaches all instances already, no answer could add one.
    const open = asked.filter(({ shape }) => !isWholeShapeCertain(hits, shape))
    for (const { shape } of asked.filter((one) => !open.includes(one))) {
      for (const query of shape.queries) hits.get(query)!.changes = undefined
    }
    if (open.length === 0) return
    const answers = await ask(
      open.map(({ shape, way, images }): Inquiry => ({ plan: shape.plan, way, images })),
      changes,
    )
    for (const [index, { shape, way, images, steps }] of open.entries()) {
      const answer = answers[index]!
      if (answer.kind === 'unknown') {
        if (answer.again !== 'next') shape.unasked.failed(way, answer.reason, answer.again === 'later')
        for (const step of steps) addAll(hits, shape.queries, step)
        continue
      }
      shape.unasked.answered(way)
      const reached = new Set<Query>()
      for (const values of answer.rows) for (const query of shape.answered(way, values)) reached.add(query)
      const inReach = [...shape.inReach(way, images, reached)]
      for (const step of steps) addAll(hits, inReach, step)
    }
  }
}

/** One change on its way to one shape. */
interface Step<Query extends Routable> {
  readonly shape: Shape<Query>
  readonly table: PlanTable
  readonly change: Change
  readonly columns: readonly string[]
}

interface Asked<Query extends Routable> {
  readonly shape: Shape<Query>
  readonly way: JoinWay
  readonly images: Image[]
  readonly steps: Step<Query>[]
}

function isWholeShapeCertain<Query extends Routable>(
  hits: ReadonlyMap<Query, Hit>,
  { queries }: Shape<Query>,
): boolean {
  if (hits.size < queries.size) return false
  for (const query of queries) if (hits.get(query)?.certain !== true) return false
  return true
}

const EVERY_COLUMN: readonly string[] = []

/** The plan's columns that an UPDATE touches; undefined when it touches none, so that the change cannot matter. */
function touchedColumns(
  table: PlanTable,
  change: Change,
  changed: ReadonlySet<string> | undefined,
): readonly string[] | undefined {
  if (change.kind !== 'row' || change.operation !== 'update' || !changed) return EVERY_COLUMN
  if (table.ancestors.includes(change.relation)) return [...changed]
  if (table.columns === 'all') return changed.size > 0 ? [...changed] : undefined
  const touched = [...table.columns].filter((column) => changed.has(column) || isUnseen(change, column))
  return touched.length > 0 ? touched : undefined
}

/** Columns whose text differs between the two images, and those whose text is only a digest or a mark. */
export function changedColumns(change: RowChange): ReadonlySet<string> {
  const { oldRow = {}, newRow = {} } = change
  const changed = new Set<string>()
  for (const column of new Set([...Object.keys(oldRow), ...Object.keys(newRow)])) {
    if (oldRow[column] !== newRow[column]) changed.add(column)
  }
  for (const column of change.hashed) {
    // Too large even for a digest, or excluded: neither image says whether it changed.
    if ((oldRow[column] ?? null) === null && (newRow[column] ?? null) === null) changed.add(column)
  }
  return changed
}

/** A column that neither image carries, because it is excluded from the log: any UPDATE may have changed it. */
function isUnseen(change: RowChange, column: string): boolean {
  return change.oldRow?.[column] === undefined && change.newRow?.[column] === undefined
}

function addAll<Query extends Routable>(hits: Map<Query, Hit>, queries: Iterable<Query>, step: Step<Query>): void {
  for (const query of queries) addToHit(hits, query, step)
}

const MOST_REASONS = 5
/** More changes than this are not worth looking at one by one. */
const MOST_CHANGES = 500

function addToHit<Query extends Routable>(
  hits: Map<Query, Hit>,
  query: Query,
  { table, change, columns }: Step<Query>,
): void {
  const hit = getOrCreate(hits, query, (): Hit => ({ reasons: [], certain: false, undecided: [], changes: [] }))
  const last = hit.changes?.at(-1)
  // Both images of a change, or two ways, lead to the same query.
  if (last?.change === change && last.table === table) return
  const operation = change.kind === 'row' ? change.operation : change.kind
  if (hit.reasons.length < MOST_REASONS) hit.reasons.push({ kind: 'change', table: table.label, operation, columns })
  if (change.kind !== 'row' || !query.filter) hit.certain = true
  else if (!hit.certain) hit.undecided.push({ table, change })
  if (change.kind !== 'row' || hit.changes?.length === MOST_CHANGES) hit.changes = undefined
  else hit.changes?.push({ table, change })
}

function getOrCreate<Key, Value>(map: Map<Key, Value>, key: Key, create: () => Value): Value {
  let value = map.get(key)
  if (value === undefined) map.set(key, (value = create()))
  return value
}
