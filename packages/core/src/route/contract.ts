import type { Plan, PlanTable } from '../analyze/plan.js'
import type { RowChange } from '../change.js'
import type { RefreshReason } from '../live/contract.js'

/**
 * Routing answers: which live queries can this batch affect? What must hold: a query whose result the batch changed is
 * always among the hits. A hit whose result did not change is only a cost.
 */
export interface Routable {
  readonly plan: Plan
  /** Decides among the changes which routing lets through, where the application said so. */
  readonly filter: ChangeFilter | undefined
  /** A refresh is due or under way: the rows that a filter would read are about to change. */
  readonly isUnsettled: boolean
}

export interface ChangeFilter {
  /** Whether the application's functions decide, which may take their time. */
  readonly isAsync: boolean
  /** Whether any of the hit's undecided changes refreshes. Rejects never: what cannot be decided refreshes. */
  decide(hit: Hit): Promise<boolean>
}

export interface Hit {
  readonly reasons: RefreshReason[]
  /** A change that no filter may hold back came: truncate, bulk, or any change of a query without a filter. */
  certain: boolean
  /** Row changes that a filter decides on; empty once `certain`. */
  readonly undecided: { readonly table: PlanTable; readonly change: RowChange }[]
}
