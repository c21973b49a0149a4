/**
 * Runs messages on a lane. A message that fails says nothing about most of its instances, so they are tried in smaller
 * company:
 *
 *   together ──fails──► each, in one message ──fails──► one by one ──fails──► that instance's error
 *   a part ──fails, or does not fit──┘
 *
 * What must hold: every instance of a message gets exactly one answer, unless the connection is lost, which is thrown.
 */
import { isConnectionError, queryError, sqlState } from '../util/postgres.js'
import type { RealtimeError } from '../errors.js'
import type { RawContent, RawField, Refreshable } from './contract.js'
import { BeginError, type Lane, type Part } from './lane.js'
import { executionOf, type PreparedNames, type PreparedStatements } from './prepared.js'
import { fieldsOf, type TextResult } from './run-query.js'
import type { Shape } from './shape.js'
import type { Item, Message, Step } from './work.js'

export type Answer<Query extends Refreshable> = { readonly item: Item<Query> } & (
  | {
      readonly kind: 'rows'
      readonly fields: readonly RawField[]
      readonly content: RawContent
      readonly ms: number
    }
  | { readonly kind: 'failed'; readonly error: RealtimeError; readonly ms: number }
  /** It is left to another transaction: it would hold up the others, or this one has ended. */
  | { readonly kind: 'postponed' }
)

export interface RunnerOptions {
  readonly prepared: PreparedStatements
  /** Whether a statement that runs into the lane's time limit may go on in another lane. */
  readonly isShared: boolean
  /** Set where slow shapes run: an instance that takes less time could run among the others. */
  readonly fastMs: number | undefined
  /** Milliseconds, for measuring. */
  readonly measure: () => number
}

export class Runner<Query extends Refreshable> {
  readonly #lane: Lane
  readonly #options: RunnerOptions
  #names: PreparedNames
  /** From the second on, they run while the answers of the one before are shown. */
  #messages = 0
  #isLast = false
  /** Shapes that ran unprepared, and will probably run again. */
  readonly #unprepared = new Map<Shape, Step<Query>>()

  constructor(lane: Lane, options: RunnerOptions) {
    this.#lane = lane
    this.#options = options
    this.#names = options.prepared.on(lane.client)
  }

  /** `isLast`: nothing runs in the transaction after this message. */
  async run(message: Message<Query>, isLast: boolean): Promise<Answer<Query>[]> {
    this.#messages += 1
    this.#isLast = isLast && !this.#options.prepared.arePooled
    if (message.way === 'together') return this.#together(message.steps[0]!)
    if (message.way === 'part') return this.#part(message.steps[0]!)
    if (message.way === 'each') return this.#each(message.steps)
    return this.#oneByOne(message.steps)
  }

  /** Prepares what later ticks will run, then ends the transaction. */
  async finish(): Promise<void> {
    if (this.#lane.isCommitted) return
    if (this.#options.prepared.arePooled) return this.#lane.commit(this.#names.removal())
    const steps = [...this.#unprepared.values()]
    await this.#prepare(steps).catch((error: unknown) => {
      if (saysNothing(error)) throw error
      this.#distrustNames(error, steps)
    })
    await this.#lane.commit([])
  }

  async #together(step: Step<Query>): Promise<Answer<Query>[]> {
    const { shape, items } = step
    const startedAt = this.#options.measure()
    let result: TextResult | undefined
    try {
      const statement = shape.form!.text(items.map((item) => item.parameters!))
      ;[result] = await this.#send([{ ...step, statements: [statement] }])
    } catch (error) {
      if (saysNothing(error)) throw error
      if (isInterrupted(error)) shape.wasTooSlowTogether()
    }
    const ms = this.#options.measure() - startedAt
    const split = result && shape.form!.split(result, items.length)
    if (split) {
      const { fields, contents } = split
      shape.took('together', items.length, ms, this.#messages > 1)
      return items.map((item, index) => ({
        kind: 'rows',
        item,
        fields,
        content: contents[index]!,
        ms: ms / items.length,
      }))
    }
    if (this.#lane.isCommitted) {
      shape.cannotBeTogether()
      return items.map((item) => ({ kind: 'postponed', item }))
    }
    const answers = await this.#each([step])
    if (answers.every(({ kind }) => kind === 'rows')) shape.cannotBeTogether()
    return answers
  }

  /** The whole result where a part will not do. */
  async #part(step: Step<Query>): Promise<Answer<Query>[]> {
    const { shape } = step
    const item = step.items[0]!
    const { touched, sql, parameters } = item.part!
    const startedAt = this.#options.measure()
    try {
      const result = await this.#lane.query(step, sql, parameters)
      const fields = fieldsOf(result)
      const texts = item.query.splice(touched, fields, result.rows)
      if (texts) {
        const content: RawContent = { kind: 'texts', texts }
        return [{ kind: 'rows', item, fields, content, ms: this.#options.measure() - startedAt }]
      }
    } catch (error) {
      if (saysNothing(error)) throw error
      shape.cannotReread()
    }
    return this.#each([step])
  }

  async #each(steps: readonly Step<Query>[]): Promise<Answer<Query>[]> {
    const items = itemsOf(steps)
    // Preparing costs a round trip, which a single instance saves.
    if (items.length === 1 && !this.#names.of(items[0]!.shape)) {
      this.#unprepared.set(items[0]!.shape, steps[0]!)
      return this.#oneByOne(steps)
    }
    try {
      await this.#prepare(steps)
      const startedAt = this.#options.measure()
      const parts = steps.map((step) => this.#executions(step))
      const results = await this.#send(parts)
      const ms = (this.#options.measure() - startedAt) / items.length
      for (const { shape, items: own } of steps) this.#took(shape, own.length, ms)
      let [shape, fields]: [Shape | undefined, readonly RawField[]] = [undefined, []]
      return items.map(({ item, shape: itsShape }, index) => {
        if (itsShape !== shape) [shape, fields] = [itsShape, this.#fieldsOf(itsShape, results[index]!)]
        return { kind: 'rows', item, fields, content: contentOf(results[index]!), ms }
      })
    } catch (error) {
      if (saysNothing(error)) throw error
      if (isInterrupted(error) && items.length === 1) return [this.#failed(error, items[0]!, 0)]
      if (this.#isTooSlow(error) && steps.length === 1) steps[0]!.shape.becameSlow()
      this.#distrustNames(error, steps)
      return this.#oneByOne(steps)
    }
  }

  #send(parts: readonly Part[]): Promise<TextResult[]> {
    const isLast = this.#isLast && this.#unprepared.size === 0
    return isLast ? this.#lane.sendLast(parts) : this.#lane.send(parts)
  }

  #fieldsOf(shape: Shape, result: TextResult): readonly RawField[] {
    return (shape.fields = fieldsOf(result, shape.fields))
  }

  #executions(step: Step<Query>): Part {
    const name = this.#names.of(step.shape)!
    return { ...step, statements: step.items.map(({ parameters }) => executionOf(name, parameters ?? [])) }
  }

  async #oneByOne(steps: readonly Step<Query>[]): Promise<Answer<Query>[]> {
    const answers: Answer<Query>[] = []
    for (const { item, shape, step } of itemsOf(steps)) {
      const isPostponed = shape.isSlow && this.#options.isShared
      answers.push(isPostponed ? { kind: 'postponed', item } : await this.#alone(item, step))
    }
    return answers
  }

  async #alone(item: Item<Query>, step: Step<Query>): Promise<Answer<Query>> {
    const { shape } = step
    const { measure } = this.#options
    const startedAt = measure()
    try {
      const result = await this.#lane.query(step, item.query.sql, item.query.parameters)
      const ms = measure() - startedAt
      this.#took(shape, 1, ms)
      return { kind: 'rows', item, fields: fieldsOf(result), content: contentOf(result), ms }
    } catch (error) {
      if (saysNothing(error)) throw error
      return this.#failed(error, { item, shape }, measure() - startedAt)
    }
  }

  #failed(error: unknown, { item, shape }: { item: Item<Query>; shape: Shape }, ms: number): Answer<Query> {
    if (!this.#isTooSlow(error)) return { kind: 'failed', item, error: queryError(error, item.query.sql), ms }
    shape.becameSlow()
    return { kind: 'postponed', item }
  }

  #took(shape: Shape, count: number, ms: number): void {
    shape.took('each', count, ms * count, this.#messages > 1)
    const { fastMs } = this.#options
    if (fastMs !== undefined) shape.ranApart(ms < fastMs)
  }

  /** Prepares those shapes that are not yet, in one round trip. */
  async #prepare(steps: readonly Step<Query>[]): Promise<void> {
    const missing = new Map<Shape, Step<Query>>()
    for (const step of steps) if (!this.#names.of(step.shape)) missing.set(step.shape, step)
    if (missing.size === 0) return
    const room = this.#names.makeRoom(new Set(steps.map(({ shape }) => shape)))
    const preparations = [...missing].map(([shape, step]) => ({ step, ...this.#names.prepare(shape) }))
    const parts = preparations.map(({ step, statement }) => ({ ...step, statements: [statement] }))
    await this.#lane.send([{ ...parts[0]!, statements: room }, ...parts])
    for (const { done } of preparations) done()
  }

  /** A prepared statement may be what failed: a column has another type now, or somebody else removed it. */
  #distrustNames(error: unknown, steps: readonly Step<Query>[]): void {
    const state = sqlState(error)
    if (state === NO_SUCH_STATEMENT || state === STATEMENT_EXISTS) {
      this.#options.prepared.distrust()
      this.#names = this.#options.prepared.on(this.#lane.client)
    } else for (const { shape } of steps) this.#names.forget(shape)
  }

  #isTooSlow(error: unknown): boolean {
    return this.#options.isShared && isInterrupted(error)
  }
}

const NO_SUCH_STATEMENT = '26000'
const STATEMENT_EXISTS = '42P05'

/** Of the statements: the connection is lost, or there is no transaction. */
function saysNothing(error: unknown): boolean {
  return error instanceof BeginError || isConnectionError(error)
}

function isInterrupted(error: unknown): boolean {
  return sqlState(error) === '57014'
}

export function contentOf({ rows }: TextResult): RawContent {
  return { kind: 'rows', rows }
}

function itemsOf<Query extends Refreshable>(steps: readonly Step<Query>[]) {
  return steps.flatMap((step) => step.items.map((item) => ({ item, step, shape: step.shape })))
}
