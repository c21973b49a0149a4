import type { Plan, PlanTable } from '../analyze/plan.js'
import type { Change, RowChange } from '../change.js'
import type { RefreshReason } from '../live/contract.js'
import type { Image } from './question.js'
import type { JoinWay } from './way.js'

/**
 * Routing answers: which live queries can this batch affect? What must hold: a query whose result the batch changed is
 * always among the hits. A hit whose result did not change is only a cost.
 */
export interface Routable {
  readonly plan: Plan
  /** What `$1`, `$2`, … stand for. */
  readonly parameters: readonly unknown[]
  /** Decides among the changes which routing lets through, where the application said so. */
  readonly filter: ChangeFilter | undefined
  /** A refresh is due or under way: the rows that a filter would read are about to change. */
  readonly isUnsettled: boolean
  /** Of the present rows: how many, and the last one's columns as text. */
  readonly lastRow: LastRow | undefined
}

export interface LastRow {
  readonly count: number
  readonly names: readonly string[]
  readonly columns: readonly (string | null)[]
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
  readonly undecided: RoutedChange[]
  /** The row changes that reached the query; undefined where they do not say all: a whole table changed, or too many. */
  changes: RoutedChange[] | undefined
}

/** A row change, and the table of the plan through which it reached a query. */
export interface RoutedChange {
  readonly table: PlanTable
  readonly change: RowChange
}

/** "Which values are the rows of `images` joined with?", by a way into a shape. */
export interface Inquiry {
  readonly plan: Plan
  readonly way: JoinWay
  readonly images: readonly Image[]
}

export type Answer =
  /** One row for each combination of values, as text, in the order of the way's slots. */
  | { readonly kind: 'rows'; readonly rows: readonly (readonly (string | null)[])[] }
  /** It could not be asked. `again`: when it may be tried again; `later` is for what can pass, `never` for what cannot. */
  | { readonly kind: 'unknown'; readonly reason: string; readonly again: 'next' | 'later' | 'never' }

/** Answers in the order of the inquiries. Never rejects for their sake; a lost connection does. */
export type Ask = (inquiries: readonly Inquiry[], changes: readonly Change[]) => Promise<readonly Answer[]>
