/**
 * From time to time the database is compared with what the engine relies on: triggers, and the schema that plans assume.
 *
 *   triggers missing ──put back──► the batch that follows is a gap
 *            └──cannot be put back──► the queries of that table are stale until they can
 *   schema changed ──► plans are made anew, and their queries refreshed
 */
import { driftedPlans } from './analyze/fingerprint.js'
import type { Plan } from './analyze/plan.js'
import type { ChangeSource } from './capture/contract.js'
import type { RelationId } from './change.js'
import { isLost, toRealtimeError } from './connection/failures.js'
import type { Session } from './connection/session.js'
import { ClosedError, type RealtimeError } from './errors.js'
import type { LiveInstance } from './live/live-instance.js'
import type { Dispatcher } from './route/dispatcher.js'
import type { Clock } from './util/clock.js'

export interface AuditOptions {
  readonly clock: Clock
  /** Between two audits. */
  readonly auditMs: number
  readonly source: ChangeSource
  readonly dispatcher: Dispatcher<LiveInstance>
  /** Undefined while there is no connection. */
  readonly session: () => Session | undefined
  readonly analyze: (instance: LiveInstance) => Promise<Plan>
  /** Plans that were made before the schema changed are of no use. */
  readonly forgetPlans: () => void
  /** The instance is refreshed by the next tick. */
  readonly mark: (instance: LiveInstance, because: string) => void
  readonly requestTick: () => void
  readonly onError: (error: RealtimeError) => void
}

export class Audits {
  readonly #options: AuditOptions
  #timer: unknown
  #running: Promise<void> | undefined
  #isStopped = false
  /** Relations that are not captured, as far as the last audit knows. */
  #broken: ReadonlyMap<RelationId, RealtimeError> = new Map()

  constructor(options: AuditOptions) {
    this.#options = options
  }

  /** The first one follows after `auditMs`. */
  start(): void {
    const { clock, auditMs } = this.#options
    if (this.#isStopped) return
    this.#timer = clock.setTimeout(() => {
      this.#running = this.#run().finally(() => this.start())
    }, auditMs)
  }

  /** Begins none any more. */
  stop(): void {
    this.#isStopped = true
    this.#options.clock.clearTimeout(this.#timer)
  }

  /** Resolves when the one that was under way has ended. */
  async ended(): Promise<void> {
    await this.#running
  }

  /** These relations are not captured: what depends on them is stale until an audit finds that they are. */
  uncaptured(broken: ReadonlyMap<RelationId, RealtimeError>): void {
    this.#broken = broken
    for (const instance of this.#options.dispatcher.queries) {
      const error = uncapturedBy(instance.plan, broken)
      if (error) instance.failPlan(error)
    }
  }

  async #run(): Promise<void> {
    const { source, dispatcher, session: current, requestTick, onError } = this.#options
    const session = current()
    if (!session) return
    try {
      // First, because putting back triggers may wait for locks.
      await this.#followSchema(session)
      const before = this.#broken
      const { repaired, broken } = await source.audit(session.control)
      this.uncaptured(broken)
      await this.#replan(
        [...dispatcher.queries].filter(({ plan }) => uncapturedBy(plan, before) && !uncapturedBy(plan, broken)),
      )
      if (repaired.length === 0) return
      dispatcher.markAll(`capture was repaired: ${repaired.join('; ')}`)
      requestTick()
    } catch (error) {
      if (isLost(error) || this.#isStopped) return
      onError(toRealtimeError(error, 'The audit of the database objects failed'))
    }
  }

  async #followSchema({ control }: Session): Promise<void> {
    const planned = [...this.#options.dispatcher.queries]
    const drifted = new Set(await driftedPlans(control, new Set(planned.map(({ plan }) => plan))))
    if (drifted.size > 0) this.#options.forgetPlans()
    await this.#replan(
      planned.filter(({ plan, planError }) => !uncapturedBy(plan, this.#broken) && (planError || drifted.has(plan))),
    )
  }

  /** Plans are made anew, and their live queries are refreshed. */
  async #replan(instances: readonly LiveInstance[]): Promise<void> {
    const { source, dispatcher, analyze, mark, requestTick } = this.#options
    for (const instance of instances) {
      try {
        const plan = await analyze(instance)
        await source.watch(plan.tables)
        if (instance.isClosed) continue
        dispatcher.remove(instance)
        instance.plan = plan
        dispatcher.add(instance)
      } catch (error) {
        // The next audit finds them again. A source that stopped meanwhile will start again with the connection.
        if (isLost(error) || error instanceof ClosedError) return
        if (!instance.isClosed) instance.failPlan(toRealtimeError(error, 'The query could not be analyzed anew'))
      }
      if (!instance.isClosed) mark(instance, 'the schema changed')
    }
    if (instances.length > 0) requestTick()
  }
}

/** Why changes of the plan's tables are missed, where they are. */
function uncapturedBy({ tables }: Plan, broken: ReadonlyMap<RelationId, RealtimeError>): RealtimeError | undefined {
  if (broken.size === 0) return undefined
  for (const { relation, family } of tables) {
    for (const id of [relation, ...family]) if (broken.has(id)) return broken.get(id)
  }
  return undefined
}
