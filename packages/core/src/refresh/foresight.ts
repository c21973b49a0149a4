/**
 * What a tick will refresh, as far as that can be known before the log is read. It is sent along with the reading, which
 * saves a trip to the server:
 *
 *   dirty, and its window is open ────────────► certain
 *   refreshed by each of the last few ticks ──► probable; the answer is thrown away if no change needs it
 *
 * What must hold: an answer is of the tick's own snapshot, and is shown only where the query is due in that tick. A guess may
 * cost the others no more than a moment: only few and cheap queries are guessed, and the more seldom the more were wrong.
 */
import type { Refreshable } from './contract.js'
import { SAVEPOINT } from './lane.js'
import { executionOf, type PreparedNames } from './prepared.js'
import { fieldsOf, scopeStatements, type TextResult } from './run-query.js'
import { contentOf, type Answer } from './runner.js'
import { scopeKey } from './scope.js'
import type { Shape, Shapes } from './shape.js'
import { parameterRow, type ParameterRow } from './together.js'

/** Milliseconds after which the server ends one of them. */
const LONGEST_MS = 50
/** Milliseconds that the reading may take longer with them than the fastest one without. */
const BRIEF_MS = 10

/** Whom to expect in a tick. */
export interface Guess {
  /** More than these are better refreshed together. */
  readonly most: number
  /** Milliseconds that the server is expected to take for one of them at most. */
  readonly cheapMs: number
  /** In so many ticks in a row a query was refreshed before it is expected in the next one. */
  readonly fewestTicks: number
  /** The same, after many mistakes. */
  readonly mostTicks: number
}

const GUESS: Guess = { most: 4, cheapMs: 2, fewestTicks: 3, mostTicks: 1_024 }

interface Expected<Query extends Refreshable> {
  readonly query: Query
  readonly shape: Shape
  readonly parameters: ParameterRow
  readonly name: string
}

export class Foresight<Query extends Refreshable> {
  readonly #shapes: Shapes
  readonly #timeoutMs: number
  /** For how many ticks, up to the last one, each of these was refreshed in every one. */
  #streaks: ReadonlyMap<Query, number> = new Map()
  readonly #guess: Guess
  #ticksNeeded: number
  /** The fastest reading without them: most of it is the way to a server that is far away. */
  #aloneMs: number | undefined

  constructor(shapes: Shapes, statementTimeoutMs: number, guess: Guess = GUESS) {
    this.#shapes = shapes
    this.#guess = guess
    this.#ticksNeeded = guess.fewestTicks
    this.#timeoutMs = Math.min(LONGEST_MS, statementTimeoutMs)
  }

  /** `certain`: what the tick will refresh whatever the log says. `names`: what is prepared on its connection. */
  look(certain: readonly Query[], names: PreparedNames, now: number): Ahead<Query> | undefined {
    const probable = [...this.#streaks.keys()].filter((query) => this.#isProbable(query, now))
    const queries = new Set([...certain, ...probable])
    if (queries.size === 0 || queries.size > this.#guess.most) return undefined
    const expected = [...queries].flatMap((query) => this.#expectedOf(query, names) ?? [])
    return expected.length === 0 ? undefined : new Ahead(expected, this.#timeoutMs)
  }

  #isProbable(query: Query, now: number): boolean {
    const { isClosed, schedule } = query
    return this.#streaks.get(query)! >= this.#ticksNeeded && !isClosed && !schedule.isRunning && schedule.opensAt <= now
  }

  #expectedOf(query: Query, names: PreparedNames): Expected<Query> | undefined {
    const shape = this.#shapes.of(query.plan)
    const { costMs = Infinity } = shape
    if (
      costMs > this.#guess.cheapMs + (this.#aloneMs ?? 0) ||
      shape.isSlow ||
      shape.leavesTraces ||
      query.schedule.hasFailed
    )
      return undefined
    // Of a large result a part is read, which depends on the changes.
    if (shape.canReread && query.mayReread(shape.rereadFrom)) return undefined
    const name = names.of(shape)
    const parameters = name === undefined ? undefined : parameterRow(query)
    return parameters && { query, shape, parameters, name: name! }
  }

  /** Told after each tick what it has refreshed. */
  saw(refreshed: readonly Query[], ahead: Ahead<Query> | undefined): void {
    const longestMs = BRIEF_MS + (this.#aloneMs ?? 0)
    if (ahead && (ahead.ms > longestMs || !ahead.queries.every((query) => refreshed.includes(query)))) this.wasWrong()
    else if (ahead) this.#ticksNeeded = Math.max(this.#guess.fewestTicks, this.#ticksNeeded - 1)
    const known = refreshed.length <= this.#guess.most ? refreshed : []
    this.#streaks = new Map(known.map((query) => [query, (this.#streaks.get(query) ?? 0) + 1]))
  }

  /** A reading took so long with nothing sent along. */
  tookAlone(ms: number): void {
    this.#aloneMs = Math.min(this.#aloneMs ?? ms, ms)
  }

  /** The reading failed or took long, maybe for what was sent along, or an answer was not needed. */
  wasWrong(): void {
    this.#ticksNeeded = Math.min(this.#ticksNeeded * 2, this.#guess.mostTicks)
    this.#streaks = new Map()
  }
}

/** Queries whose answers come with the reading of one tick. */
export class Ahead<Query extends Refreshable> {
  /** They leave the transaction as it was at the savepoint. */
  readonly statements: readonly string[]
  readonly #expected: readonly Expected<Query>[]
  /** Where each one's own statement stands among them. */
  readonly #places: readonly number[]
  readonly #sentAt = performance.now()
  #ms = 0
  #results: readonly TextResult[] = []

  constructor(expected: readonly Expected<Query>[], timeoutMs: number) {
    const statements: string[] = []
    let scope: string | undefined
    this.#expected = expected
    this.#places = expected.map(({ query, name, parameters }) => {
      const key = scopeKey(query.scope)
      if (key !== scope) statements.push(BACK, `SET LOCAL statement_timeout = ${Math.trunc(timeoutMs)}`)
      if (key !== scope) statements.push(...scopeStatements(query.scope))
      scope = key
      return statements.push(executionOf(name, parameters)) - 1
    })
    this.statements = [...statements, BACK]
  }

  get queries(): readonly Query[] {
    return this.#expected.map(({ query }) => query)
  }

  /** From before the reading was sent until its answer. */
  get ms(): number {
    return this.#ms
  }

  /** What `statements` returned. */
  answered(results: readonly TextResult[]): void {
    this.#ms = performance.now() - this.#sentAt
    this.#results = results
  }

  /** Begins the refreshes of those that are due; the others' answers are of no use. */
  take(due: readonly Query[], tick: number): Answer<Query>[] {
    if (this.#results.length === 0) return []
    return this.#expected.flatMap(({ query, shape, parameters }, index) => {
      if (!due.includes(query)) return []
      const result = this.#results[this.#places[index]!]!
      const fields = (shape.fields = fieldsOf(result, shape.fields))
      const item = { query, parameters, reasons: query.schedule.begin(tick) }
      return [{ kind: 'rows', item, fields, content: contentOf(result), ms: this.#ms }]
    })
  }
}

const BACK = `ROLLBACK TO SAVEPOINT ${SAVEPOINT}`
