import type { Pool, PoolClient } from 'pg'
import { ConnectionLostError } from '../errors.js'
import type { Clock } from '../util/clock.js'
import { checkIn, checkOut } from '../util/pool.js'
import { Semaphore } from '../util/semaphore.js'
import { analyze, type AnalyzeInput } from './analyze.js'
import { analysisError } from './failures.js'
import { PlanCache } from './plan-cache.js'
import type { Plan } from './plan.js'

export interface PlannerOptions {
  readonly pool: Pool
  readonly clock: Clock
  /** Changes what the analysis found; for tests. */
  readonly mapPlan: (plan: Plan) => Plan
}

const CHECK_OUT_MS = 30_000

/** Analyzes queries on the application's pool: each shape once, one at a time, so that a page that opens leaves it room. */
export class Planner {
  readonly #options: PlannerOptions
  readonly #cache = new PlanCache()
  readonly #turns = new Semaphore(1)

  constructor(options: PlannerOptions) {
    this.#options = options
  }

  plan(input: AnalyzeInput): Promise<Plan> {
    return this.#cache.plan(input, () => this.#analyze(input))
  }

  /** The schema changed: no plan is trusted any more. */
  clear(): void {
    this.#cache.clear()
  }

  async #analyze(input: AnalyzeInput): Promise<Plan> {
    const { pool, clock, mapPlan } = this.#options
    await this.#turns.acquire()
    let client: PoolClient | undefined
    let lost: unknown
    try {
      client = await checkOut(pool, clock, CHECK_OUT_MS)
      return mapPlan(await analyze(client, input))
    } catch (cause) {
      const error = analysisError(cause, { kind: 'begin' }, input.sql)
      if (error instanceof ConnectionLostError) lost = error
      throw error
    } finally {
      if (client) checkIn(client, lost)
      this.#turns.release()
    }
  }
}
