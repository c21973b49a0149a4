import type { Plan, RereadKey } from '../analyze/plan.js'
import type { RefreshReason, Scope } from '../live/contract.js'
import type { RealtimeError } from '../errors.js'
import type { SnapshotToken } from '../change.js'
import type { Schedule } from './schedule.js'

/**
 * What refreshing needs to know of a live query. What must hold:
 * - every result is the query's on one committed snapshot, and `accept` is told which;
 * - results arrive in the order of their snapshots;
 * - a change that routing marked is followed by a refresh on a snapshot that contains it, or by `fail`.
 */
export interface Refreshable {
  readonly sql: string
  readonly parameters: readonly unknown[]
  readonly scope: Scope
  /** Of the query's shape, and one object for all its instances: they are refreshed together. */
  readonly plan: Plan
  readonly schedule: Schedule
  /** Nobody watches it any more. */
  readonly isClosed: boolean
  /** Whether there are at least so many present rows, and they lack nothing but the changes that the schedule tells. */
  mayReread(fewest: number): boolean
  /**
   * The texts of the present rows, with rows that were read again in the place of the touched ones; undefined where their
   * places are not certain.
   */
  splice(touched: Touched, fields: readonly RawField[], rows: readonly RawRow[]): readonly string[] | undefined
  /** Compares a result with the one before. Nothing is shown until `publish`. */
  accept(result: RawResult, snapshot: SnapshotToken): Accepted | Promise<Accepted>
  /** The query could not be run; `reason` says why, the schedule says when it is tried again. */
  fail(error: RealtimeError): void
  /** Told after every attempt, in the order in which they ended. */
  refreshed(report: RefreshReport): void
}

/** Rows of the result that come from changed rows of one table. */
export interface Touched {
  readonly key: readonly RereadKey[]
  /** The values of `key` before and after the changes, a text for each row. */
  readonly keys: ReadonlySet<string>
}

export interface Accepted {
  readonly changed: boolean
  /** How many rows the result has. */
  readonly rows: number
  /** Shows the result to whoever watches. */
  publish(): void
}

export interface RefreshReport {
  readonly reasons: readonly RefreshReason[]
  readonly changed: boolean
  /** Of the result; undefined where there is none. */
  readonly rows: number | undefined
  readonly durationMs: number
  readonly snapshot: SnapshotToken
  readonly error: RealtimeError | undefined
}

/** A result as PostgreSQL's text output, before any parsing. */
export interface RawResult {
  readonly fields: readonly RawField[]
  readonly content: RawContent
  /** The parser that the pool's connections use for a type. */
  readonly parser: (typeOid: number) => (text: string) => unknown
}

export type RawContent =
  | { readonly kind: 'rows'; readonly rows: readonly RawRow[] }
  /** Each row as `splice` has it: most of them were not read again. */
  | { readonly kind: 'texts'; readonly texts: readonly string[] }
  /** All rows as the server writes composite values, one after the other. */
  | { readonly kind: 'text'; readonly text: string }

export interface RawField {
  readonly name: string
  readonly typeOid: number
}

export type RawRow = readonly (string | null)[]
