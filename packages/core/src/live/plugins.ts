import { isDeepStrictEqual } from 'node:util'
import type { CompiledQuery, Kysely, KyselyPlugin, QueryExecutor } from 'kysely'
import { PluginMismatchError } from '../errors.js'

/**
 * Compiles a query, and refuses it unless it has the plugins of `db`, which will transform its results. Plugins that touch
 * queries only may differ: `db.withSchema('tenant')` is as good as `db`.
 */
export function withPluginsOf<DB>(db: Kysely<DB>, compile: () => CompiledQuery): CompiledQuery {
  const { compiled, plugins } = observe(db, compile)
  if (!plugins) {
    throw new PluginMismatchError(
      'The query was built with another copy of Kysely than the db given to createRealtime, so its plugins cannot be compared. ' +
        'Build it from that db, or see to it that Kysely is installed, and bundled, once: `npm ls kysely` lists its copies.\n' +
        `  query: ${compiled.sql}`,
    )
  }
  const expected = db.getExecutor().plugins.filter(changesResults)
  const actual = plugins.filter(changesResults)
  if (actual.length === expected.length && actual.every((it, index) => isSame(it, expected[index]!))) return compiled
  throw new PluginMismatchError(
    'The query was built with other Kysely plugins than the db given to createRealtime, so its rows would be transformed wrongly: ' +
      `${difference(namesOf(actual), namesOf(expected))}. Build it from that db.\n  query: ${compiled.sql}`,
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

/** After a hot reload the query's db, and its plugins, are new ones. Options that are functions must be identical then. */
function isSame(left: KyselyPlugin, right: KyselyPlugin): boolean {
  if (left === right) return true
  return left.constructor === right.constructor && left.constructor !== Object && isDeepStrictEqual(left, right)
}

function difference(actual: string, expected: string): string {
  if (actual === expected) return `both have ${actual}, but with other options or of another class`
  return `the query has ${actual}, the db ${expected}`
}

function namesOf(plugins: readonly KyselyPlugin[]): string {
  return plugins.map((plugin) => plugin.constructor.name).join(', ') || 'none'
}

type Transform = QueryExecutor['transformQuery']

interface Observed {
  readonly compiled: CompiledQuery
  /** Undefined where another copy of Kysely made the query: its executors are of another class, which nothing leads to. */
  readonly plugins: readonly KyselyPlugin[] | undefined
}

/**
 * A builder keeps its executor, and so its plugins, to itself. While it compiles it hands its tree to that executor,
 * whose class is the same for all: there it is seen, for the duration of this one synchronous call.
 */
function observe<DB>(db: Kysely<DB>, compile: () => CompiledQuery): Observed {
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
    const compiled = compile()
    return { compiled, plugins }
  } finally {
    executorClass.transformQuery = original
  }
}
