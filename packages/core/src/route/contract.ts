import type { Plan, PlanTable } from '../analyze/plan.js'
import type { RowChange } from '../change.js'
import type { RefreshReason } from '../live/contract.js'

/**
 * Routing answers: which live queries can this batch affect? What must hold: a query whose result the batch changed is
 * always among the hits. A hit whose result did not change is only a cost.
 */
export interface Routable {
  readonly plan: Plan
  /** Whether the application gave a filter that decides among the changes which routing lets through. */
  readonly isFiltered: boolean
}

export interface Hit {
  readonly reasons: RefreshReason[]
  /** A change that no filter may hold back came: truncate, bulk, or any change of a query without a filter. */
  certain: boolean
  /** Row changes that a filter decides on; empty once `certain`. */
  readonly undecided: { readonly table: PlanTable; readonly change: RowChange }[]
}
