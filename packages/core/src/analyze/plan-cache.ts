import type { AnalyzeInput } from './analyze.js'
import type { Plan } from './plan.js'

/** Plans by what decides them. A failed analysis is not kept; one that is under way is shared. */
export class PlanCache {
  readonly #capacity: number
  #plans = new Map<string, Promise<Plan>>()

  /** `capacity`: how many plans are kept; the one unused for longest goes first. */
  constructor(capacity = 2_000) {
    this.#capacity = capacity
  }

  /** The plan for `input`, made by `make` if there is none. */
  plan(input: AnalyzeInput, make: () => Promise<Plan>): Promise<Plan> {
    const key = planKey(input)
    const plans = this.#plans
    const known = plans.get(key)
    if (known !== undefined) {
      plans.delete(key)
      plans.set(key, known)
      return known
    }
    const made = make()
    plans.set(key, made)
    made.catch(() => {
      if (plans.get(key) === made) plans.delete(key)
    })
    const [oldest] = plans.keys()
    if (plans.size > this.#capacity && oldest !== undefined) plans.delete(oldest)
    return made
  }

  /** Forgets every plan, those under way included: whoever awaits one still gets it. */
  clear(): void {
    this.#plans = new Map()
  }
}

/** The parts of the input that a plan depends on. Settings with a dot in their name belong to the application. */
export function planKey({ sql, node, scope, dependsOn, acceptsTime }: AnalyzeInput): string {
  const settings = Object.entries(scope.settings ?? {})
    .filter(([name]) => !name.includes('.'))
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
  const isTree = node !== undefined && node.kind !== 'RawNode'
  return JSON.stringify([sql, isTree, scope.role ?? null, settings, dependsOn.toSorted(), acceptsTime])
}
