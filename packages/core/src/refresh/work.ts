import type { Scope } from '../live/contract.js'
import type { RefreshReason } from '../live/contract.js'
import type { RoutedChange } from '../route/contract.js'
import type { Refreshable } from './contract.js'
import { partOf, type Part } from './reread.js'
import { scopeKey } from './scope.js'
import type { Shape, Shapes, Way } from './shape.js'
import { parameterRow, type ParameterRow } from './together.js'

export interface Job<Query extends Refreshable> {
  readonly query: Query
  readonly reasons: readonly RefreshReason[]
  /** All that the present rows lack; undefined where that is not known. */
  readonly changes?: readonly RoutedChange[] | undefined
}

/** Instances of one shape in one scope. */
export interface Step<Query extends Refreshable> {
  readonly scope: Scope
  readonly scopeKey: string
  readonly shape: Shape
  readonly items: readonly Item<Query>[]
}

export interface Item<Query extends Refreshable> extends Job<Query> {
  /** Undefined: only `pg` itself can send them. */
  readonly parameters: ParameterRow | undefined
  /** What is read instead of the whole result. */
  readonly part?: Part
}

/** What is sent at once. */
export interface Message<Query extends Refreshable> {
  /** 'part': one instance, whose `part` is read. 'alone': by `pg` itself, which can send everything. */
  readonly way: Way | 'part' | 'alone'
  readonly steps: readonly Step<Query>[]
}

const MOST_IN_MESSAGE = 500
/** Parts are read one by one: of more instances in a scope, whole results are read together. */
const MOST_PARTS = 4
/** What an instance that was never run is taken to need. */
const UNKNOWN_MS = 1
const MESSAGE_MS = 40

interface Group<Query extends Refreshable> {
  readonly scope: Scope
  readonly scopeKey: string
  readonly shape: Shape
  readonly items: Item<Query>[]
}

/** How many milliseconds these take, as far as their shapes are known. */
export function expectedMs(queries: readonly Refreshable[], shapes: Shapes): number {
  return queries.reduce((sum, { plan }) => sum + (shapes.of(plan).costMs ?? UNKNOWN_MS), 0)
}

/** A tick's jobs, taken message by message by the connections that run them. */
export class Work<Query extends Refreshable> {
  /** Many instances of one shape in one scope. */
  readonly #large: Group<Query>[] = []
  readonly #small: Group<Query>[] = []
  readonly #alone: Group<Query>[] = []
  readonly #parts: Step<Query>[] = []
  readonly #isApart: boolean
  readonly #now: () => number
  readonly expectedMs: number

  /** `isApart`: slow shapes run one instance at a time. */
  constructor(jobs: readonly Job<Query>[], shapes: Shapes, isApart: boolean, now: () => number) {
    this.#isApart = isApart
    this.#now = now
    this.expectedMs = expectedMs(
      jobs.map(({ query }) => query),
      shapes,
    )
    const groups = new Map<string, Group<Query>>()
    for (const job of jobs) {
      const { query, reasons, changes } = job
      const shape = shapes.of(query.plan)
      const parameters = parameterRow(query)
      const key = scopeKey(query.scope)
      // One that failed would fail the others' message, and they would all run twice.
      const isAlone = parameters === undefined || reasons.some(({ kind }) => kind === 'retry')
      const groupKey = `${isAlone ? 'alone' : ''} ${shape.id} ${key}`
      let group = groups.get(groupKey)
      if (!group) {
        groups.set(groupKey, (group = { scope: query.scope, scopeKey: key, shape, items: [] }))
        if (isAlone) this.#alone.push(group)
      }
      group.items.push({ query, reasons, changes, parameters })
    }
    for (const [key, group] of groups) {
      if (key.startsWith('alone')) continue
      if (group.items.length <= MOST_PARTS) this.#takeOutParts(group)
      if (group.items.length === 0) continue
      const isLarge = group.items.length >= group.shape.fewest && !isApart
      ;(isLarge ? this.#large : this.#small).push(group)
    }
    // One after the other, the instances of a scope need its settings once.
    this.#small.sort((a, b) => compare(a.scopeKey, b.scopeKey))
  }

  #takeOutParts(group: Group<Query>): void {
    for (const item of group.items.splice(0)) {
      const { query, changes } = item
      const part =
        changes && group.shape.canReread && query.mayReread(group.shape.rereadFrom) ? partOf(query, changes) : undefined
      if (part) this.#parts.push({ ...group, items: [{ ...item, part }] })
      else group.items.push(item)
    }
  }

  /** The next message. Undefined when there is no more. */
  take(): Message<Query> | undefined {
    const part = this.#parts.shift()
    if (part) return { way: 'part', steps: [part] }
    return this.#takeSmall() ?? this.#takeLarge() ?? this.#takeAlone()
  }

  /** Whether messages have taken every job. */
  get isEmpty(): boolean {
    return [this.#parts, this.#small, this.#large, this.#alone].every(({ length }) => length === 0)
  }

  /** Every job that no message has taken. */
  drain(): Job<Query>[] {
    const parts = this.#parts.splice(0).flatMap(({ items }) => items)
    const others = [this.#small, this.#large, this.#alone].flatMap((groups) =>
      groups.splice(0).flatMap((group) => group.items.splice(0)),
    )
    return [...parts, ...others]
  }

  #takeLarge(): Message<Query> | undefined {
    const group = this.#large[0]
    if (!group) return undefined
    const { way, count } = group.shape.next(group.items.length, this.#now())
    const items = group.items.splice(0, count)
    if (group.items.length === 0) this.#large.shift()
    return { way, steps: [{ ...group, items }] }
  }

  #takeSmall(): Message<Query> | undefined {
    const steps: Step<Query>[] = []
    let [count, expectedMs] = [0, 0]
    while (this.#small.length > 0 && count < MOST_IN_MESSAGE && expectedMs < MESSAGE_MS) {
      const group = this.#small[0]!
      const items = group.items.splice(0, this.#isApart ? 1 : Infinity)
      if (group.items.length === 0) this.#small.shift()
      steps.push({ ...group, items })
      count += items.length
      expectedMs += items.length * (group.shape.costMs ?? UNKNOWN_MS)
      if (this.#isApart) break
    }
    return steps.length === 0 ? undefined : { way: 'each', steps }
  }

  #takeAlone(): Message<Query> | undefined {
    const group = this.#alone[0]
    if (!group) return undefined
    const items = group.items.splice(0, 1)
    if (group.items.length === 0) this.#alone.shift()
    return { way: 'alone', steps: [{ ...group, items }] }
  }
}

function compare(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}
