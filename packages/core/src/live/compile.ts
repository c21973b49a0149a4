import {
  PostgresAdapter,
  type Compilable,
  type CompiledQuery,
  type Kysely,
  type RawBuilder,
  type RootOperationNode,
} from 'kysely'
import type { Pool } from 'pg'
import { InvalidOptionError, NotASelectError, PluginMismatchError, UnsupportedDatabaseError } from '../errors.js'
import type { LiveInput } from './contract.js'

/** A query as it will be sent, and its tree after plugins. */
export interface CompiledLiveQuery {
  readonly sql: string
  readonly parameters: readonly unknown[]
  /** Undefined for raw SQL, about whose structure the tree says nothing. */
  readonly node: RootOperationNode | undefined
  readonly queryId: CompiledQuery['queryId']
  /** Whether the top of the query has an ORDER BY; undefined for raw SQL. */
  readonly ordered: boolean | undefined
}

/** The engine reads text results and catalogs: nothing but PostgreSQL through `pg` will do. */
export function checkDatabase<DB>(db: Kysely<DB>, pool: Pool): void {
  const adapter = typeof db?.getExecutor === 'function' ? db.getExecutor().adapter : undefined
  if (!adapter) throw new InvalidOptionError('db must be a Kysely instance: createRealtime({ db, pool }).')
  if (!(adapter instanceof PostgresAdapter) && adapter.constructor.name !== 'PostgresAdapter') {
    throw new UnsupportedDatabaseError(
      `pg-realtime needs Kysely's PostgresDialect; this db uses ${adapter.constructor.name}.`,
    )
  }
  if (typeof pool?.connect !== 'function' || typeof pool.options !== 'object') {
    throw new InvalidOptionError('pool must be the pg.Pool that db runs on: createRealtime({ db, pool }).')
  }
}

export function compileLiveQuery<DB, Row>(db: Kysely<DB>, query: LiveInput<Row>): CompiledLiveQuery {
  if (typeof query?.compile !== 'function') {
    throw new InvalidOptionError('A live query is a Kysely query that is not executed yet, or sql`…`.')
  }
  const compiled = isRawBuilder(query) ? query.compile(db) : query.compile()
  checkPlugins(db, query, compiled)
  const node = compiled.query
  if (node.kind !== 'SelectQueryNode' && node.kind !== 'RawNode') {
    throw new NotASelectError(`A live query must be a SELECT; this one is ${describe(node.kind)}: ${compiled.sql}`)
  }
  const isTree = node.kind === 'SelectQueryNode'
  return {
    sql: compiled.sql,
    parameters: compiled.parameters,
    node: isTree ? node : undefined,
    queryId: compiled.queryId,
    ordered: isTree ? (node.orderBy?.items.length ?? 0) > 0 : undefined,
  }
}

function isRawBuilder<Row>(query: LiveInput<Row>): query is RawBuilder<Row> {
  return (query as { isRawBuilder?: unknown }).isRawBuilder === true
}

function describe(kind: string): string {
  return kind.replace(/(Query)?Node$/, '').toUpperCase()
}

/**
 * The results are transformed by the plugins of `db`, so the query must have been made with the same ones. A query does
 * not tell its plugins: its SQL is compared with what `db` would make of the same query without any.
 */
function checkPlugins<DB, Row>(db: Kysely<DB>, query: LiveInput<Row>, compiled: CompiledQuery): void {
  const { withoutPlugins } = query as unknown as { withoutPlugins?: () => Compilable<Row> }
  if (isRawBuilder(query) || typeof withoutPlugins !== 'function') return
  const executor = db.getExecutor()
  const bare = withoutPlugins.call(query) as unknown as { toOperationNode(): RootOperationNode }
  const expected = executor.compileQuery(
    executor.transformQuery(bare.toOperationNode(), compiled.queryId),
    compiled.queryId,
  )
  if (expected.sql === compiled.sql) return
  throw new PluginMismatchError(
    'The query was built with other Kysely plugins than the db given to createRealtime, so its rows would be transformed wrongly. ' +
      `Build it from that db (or a transaction-free copy of it with the same plugins).\n  query: ${compiled.sql}\n  db makes: ${expected.sql}`,
  )
}
