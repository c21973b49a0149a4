import {
  PostgresAdapter,
  type CompiledQuery,
  type DialectAdapter,
  type Kysely,
  type RawBuilder,
  type RootOperationNode,
} from 'kysely'
import type { Pool } from 'pg'
import { InvalidOptionError, NotASelectError, UnsupportedDatabaseError } from '../errors.js'
import { ownParameter } from '../util/parameter-text.js'
import type { LiveInput } from './contract.js'
import { withPluginsOf } from './plugins.js'

/** A query as it will be sent, and its tree after plugins. */
export interface CompiledLiveQuery {
  readonly sql: string
  readonly parameters: readonly unknown[]
  /** Undefined for raw SQL, about whose structure the tree says nothing. */
  readonly node: RootOperationNode | undefined
  readonly queryId: CompiledQuery['queryId']
}

/**
 * The engine reads text results and catalogs: nothing but PostgreSQL through `pg` will do. It executes on `pool`, and
 * never with `db`, whose driver is not to be seen: dialects on other drivers have the same adapter, and do no harm.
 */
export function checkDatabase<DB>(db: Kysely<DB>, pool: Pool): void {
  const adapter = typeof db?.getExecutor === 'function' ? db.getExecutor().adapter : undefined
  if (!adapter) throw new InvalidOptionError('db must be a Kysely instance: createRealtime({ db, pool }).')
  if (!isPostgres(adapter) || hasOneConnection(adapter)) {
    throw new UnsupportedDatabaseError(
      `pg-realtime needs Kysely's PostgresDialect; this db uses ${adapter.constructor.name}.`,
    )
  }
  if (typeof pool?.connect !== 'function' || typeof pool.options !== 'object') {
    throw new InvalidOptionError('pool must be the pg.Pool that db runs on: createRealtime({ db, pool }).')
  }
}

/** By its name where it is of another copy of Kysely. */
function isPostgres(adapter: DialectAdapter): boolean {
  return adapter instanceof PostgresAdapter || adapter.constructor.name === 'PostgresAdapter'
}

/** PGlite, which Kysely knows since 0.29: its database is in the application's own process, where no pool leads. */
function hasOneConnection(adapter: DialectAdapter & { readonly supportsMultipleConnections?: boolean }): boolean {
  return adapter.supportsMultipleConnections === false
}

export function compileLiveQuery<DB, Row>(db: Kysely<DB>, query: LiveInput<Row>): CompiledLiveQuery {
  if (typeof query?.compile !== 'function') {
    throw new InvalidOptionError('A live query is a Kysely query that is not executed yet, or sql`…`.')
  }
  const compiled = withPluginsOf(db, () => (isRawBuilder(query) ? query.compile(db) : query.compile()))
  const node = compiled.query
  if (node.kind !== 'SelectQueryNode' && node.kind !== 'RawNode') {
    throw new NotASelectError(
      `Only a SELECT can be live, not ${describe(node.kind)}. Run it as a query that is not live.\n  query: ${compiled.sql}`,
    )
  }
  const isTree = node.kind === 'SelectQueryNode'
  return {
    sql: compiled.sql,
    parameters: compiled.parameters.map((value, index) => sendable(value, index + 1)),
    node: isTree ? node : undefined,
    queryId: compiled.queryId,
  }
}

function sendable(value: unknown, number: number): unknown {
  try {
    return ownParameter(value)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new InvalidOptionError(
      `The value of $${number} cannot be sent: ${reason}. Give the query a value that pg can write as text.`,
      { cause },
    )
  }
}

function isRawBuilder<Row>(query: LiveInput<Row>): query is RawBuilder<Row> {
  return (query as { isRawBuilder?: unknown }).isRawBuilder === true
}

function describe(kind: string): string {
  return kind.replace(/(Query)?Node$/, '').toUpperCase()
}
