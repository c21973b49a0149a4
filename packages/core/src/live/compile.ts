import {
  PostgresAdapter,
  type CompiledQuery,
  type Kysely,
  type KyselyPlugin,
  type OperationNodeSource,
  type QueryExecutor,
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
 * The results are transformed by the plugins of `db`, so the query must carry the same ones. Plugins that touch queries
 * only may differ: `db.withSchema('tenant')` is as good as `db`.
 */
function checkPlugins<DB, Row>(db: Kysely<DB>, query: LiveInput<Row>, compiled: CompiledQuery): void {
  const expected = db.getExecutor().plugins.filter(changesResults)
  const actual = pluginsOf(query, db)?.filter(changesResults)
  if (!actual || (actual.length === expected.length && actual.every((it, index) => isSame(it, expected[index]!))))
    return
  throw new PluginMismatchError(
    'The query was built with other Kysely plugins than the db given to createRealtime, so its rows would be transformed wrongly: ' +
      `the query has ${namesOf(actual)}, the db ${namesOf(expected)}. Build it from that db.\n  query: ${compiled.sql}`,
  )
}

/** Kysely's own plugins that leave results as they are. */
const QUERY_PLUGINS: ReadonlySet<string> = new Set([
  'WithSchemaPlugin',
  'DeduplicateJoinsPlugin',
  'HandleEmptyInListsPlugin',
  'SafeNullComparisonPlugin',
])

function changesResults(plugin: KyselyPlugin): boolean {
  return !QUERY_PLUGINS.has(plugin.constructor.name)
}

function isSame(left: KyselyPlugin, right: KyselyPlugin): boolean {
  return left === right || (left.constructor === right.constructor && left.constructor !== Object)
}

function namesOf(plugins: readonly KyselyPlugin[]): string {
  return plugins.map((plugin) => plugin.constructor.name).join(', ') || 'none'
}

type Transform = QueryExecutor['transformQuery']

/**
 * A builder keeps its executor, and so its plugins, to itself. While it makes its tree it hands the tree to that
 * executor, whose class is the same for all: there it is seen, for the duration of this one synchronous call. Undefined
 * for raw SQL, which gets the plugins of whatever it is compiled with, and where another copy of Kysely made the query.
 */
function pluginsOf<DB, Row>(query: LiveInput<Row>, db: Kysely<DB>): readonly KyselyPlugin[] | undefined {
  if (isRawBuilder(query)) return undefined
  let owner = db.getExecutor() as object
  while (!Object.hasOwn(owner, 'transformQuery')) owner = Object.getPrototypeOf(owner) as object
  const executorClass = owner as { transformQuery: Transform }
  const original = executorClass.transformQuery
  let plugins: readonly KyselyPlugin[] | undefined
  executorClass.transformQuery = function (this: QueryExecutor, node, queryId) {
    plugins ??= this.plugins
    return original.call(this, node, queryId) as typeof node
  }
  try {
    ;(query as unknown as OperationNodeSource).toOperationNode()
    return plugins
  } finally {
    executorClass.transformQuery = original
  }
}
