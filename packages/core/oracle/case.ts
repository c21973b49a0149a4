/**
 * A case is everything that one run of the oracle needs: a schema, queries, and rounds of steps. It is plain data, so
 * that it can be shrunk, saved, and replayed long after the generator has changed.
 */
export interface Case {
  readonly seed: number
  readonly ddl: readonly string[]
  readonly queries: readonly QueryCase[]
  readonly rounds: readonly Round[]
  readonly settings: RunSettings
}

export interface RunSettings {
  readonly throttleMs: number
  /** `text`: the pool returns every value as PostgreSQL's text; `parsed`: as applications see it. */
  readonly values: 'text' | 'parsed'
}

export interface QueryCase {
  readonly id: string
  /** The query's operation node, encoded; see `codec.ts`. */
  readonly node: unknown
  /** For readers; the node decides. */
  readonly sql: string
  readonly scope: { readonly role: string; readonly settings: Readonly<Record<string, string>> } | undefined
  readonly dependsOn: readonly string[]
  /** Becomes a refresh map that lets through exactly what changes the result. */
  readonly refresh: RefreshCase | undefined
  readonly compare: Comparison
  /** Whether it is live from the beginning; others begin with a `subscribe` step. */
  readonly initial: boolean
}

/** `{ [table]: { [column]: value } }`, where the value depends on how the pool reads values. */
export interface RefreshCase {
  readonly table: string
  readonly column: string
  readonly type: 'text' | 'bool' | 'int4'
  readonly text: string
}

export interface Comparison {
  /** Whether the order of the rows is determined by the query. */
  readonly ordered: boolean
  /** Whether PostgreSQL may show either of two equal values (`group by price` over 1 and 1.0). */
  readonly loose: boolean
}

export interface Round {
  readonly steps: readonly Step[]
  /** Sessions run side by side rather than step by step. */
  readonly parallel: boolean
}

export type Step =
  | { readonly kind: 'sql'; readonly session: number; readonly sql: string }
  | { readonly kind: 'subscribe'; readonly query: string }
  | { readonly kind: 'close'; readonly query: string }
  /** Asks for a tick, and goes on without waiting for it. */
  | { readonly kind: 'tick' }
  /** Ends every connection of the engine, as a restart or an administrator would. */
  | { readonly kind: 'kill' }
