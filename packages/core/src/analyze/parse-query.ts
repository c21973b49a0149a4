import type { ClientBase, QueryConfig } from 'pg'
import { NotASelectError } from '../errors.js'
import { abbreviate } from '../util/postgres.js'
import { firstKeyword, replaceParameters } from '../util/sql-text.js'
import { queryJson } from './catalog/query-json.js'
import { referencesSql, type StoredTree } from './catalog/relations.js'
import { analysisError, NOT_LIVE } from './failures.js'
import { setSearchPath } from './search-path.js'

export interface ParsedQuery {
  /** Types of `$1`, `$2`, …, with the schema where it is not pg_catalog. */
  readonly parameterTypes: readonly string[]
  readonly stored: StoredTree
}

const FUNCTION_NAME = '_pg_realtime_analysis'
let statements = 0
/** PostgreSQL's FUNC_MAX_ARGS. */
const MOST_ARGUMENTS = 100

/** Refuses what is plainly no reading query before PostgreSQL sees it: parsing a write takes its locks. */
export function requireReadingQuery(sql: string): void {
  const keyword = firstKeyword(sql)
  if (keyword === '') {
    throw new NotASelectError(
      `Only a SELECT can be live, and this is no statement: write one.\n  query: ${abbreviate(sql)}`,
    )
  }
  if (!OTHER_STATEMENTS.has(keyword)) return
  throw new NotASelectError(
    `Only a SELECT can be live, not ${keyword.toUpperCase()}. ${NOT_LIVE}\n  query: ${abbreviate(sql)}`,
  )
}

const OTHER_STATEMENTS = new Set([
  ...['insert', 'update', 'delete', 'merge', 'truncate', 'copy', 'call', 'do', 'execute', 'prepare', 'deallocate'],
  ...['create', 'alter', 'drop', 'comment', 'grant', 'revoke', 'reindex', 'cluster', 'vacuum', 'analyze', 'analyse'],
  ...['begin', 'start', 'commit', 'end', 'rollback', 'abort', 'savepoint', 'release', 'lock', 'checkpoint', 'import'],
  ...[
    'explain',
    'show',
    'set',
    'reset',
    'discard',
    'listen',
    'unlisten',
    'notify',
    'declare',
    'fetch',
    'move',
    'close',
  ],
  ...['load', 'refresh', 'reassign', 'security'],
])

/**
 * Has PostgreSQL parse the query, in the transaction that is open, and returns what it made of it. PREPARE tells the
 * parameters' types, and accepts one statement only; the body of a temporary function tells the rest.
 */
export async function parseQuery(client: ClientBase, sql: string, path: readonly string[]): Promise<ParsedQuery> {
  await setSearchPath(client, path)
  // Prepared statements outlive transactions, so that one left behind by a failure must not be in the way.
  const statement = `${FUNCTION_NAME}_${++statements}`
  await runAlone(client, `PREPARE ${statement} AS ${sql}`).catch((error: unknown) => {
    throw analysisError(error, { kind: 'parse' }, sql)
  })
  await setSearchPath(client, CATALOG_PATH)
  const parameters = await queryJson<readonly Parameter[]>(client, PARAMETERS, [statement])
  await client.query(`DEALLOCATE ${statement}`)
  await setSearchPath(client, path)
  await runAlone(client, functionText(sql, parameters)).catch((error: unknown) => {
    throw analysisError(error, { kind: 'store' }, sql)
  })
  await setSearchPath(client, CATALOG_PATH)
  const stored = await queryJson<StoredTree>(client, STORED)
  return { parameterTypes: parameters.map((parameter) => parameter.type), stored }
}

interface Parameter {
  readonly type: string
  /** A pseudo-type, which no function argument can have. */
  readonly pseudo: boolean
}

const CATALOG_PATH = ['pg_catalog']

// With the type modifier -1 a name is right as it stands in a cast: bpchar and "bit" are of any length, character and bit of 1.
const PARAMETERS = `
select coalesce(json_agg(json_build_object('type', format_type(t.oid, -1), 'pseudo', t.typtype = 'p') order by p.position), '[]')::text
from pg_prepared_statements s
cross join lateral unnest(s.parameter_types::oid[]) with ordinality p(oid, position)
join pg_type t on t.oid = p.oid
where s.name = $1`

const STORED = `
select json_build_object('tree', p.prosqlbody::text, 'references', ${referencesSql('pg_proc', 'p.oid')})::text
from pg_proc p
where p.proname = '${FUNCTION_NAME}' and p.pronamespace = pg_my_temp_schema()`

function functionText(sql: string, parameters: readonly Parameter[]): string {
  const types = parameters.map((parameter) => parameter.type)
  const fits = types.length <= MOST_ARGUMENTS && !parameters.some((parameter) => parameter.pseudo)
  const argumentTypes = fits ? types.join(', ') : ''
  const body = fits ? sql : replaceParameters(sql, (number) => `(NULL::${types[number - 1] ?? 'text'})`)
  // The line break ends a comment at the end of the query.
  return `CREATE FUNCTION pg_temp.${FUNCTION_NAME}(${argumentTypes}) RETURNS SETOF record LANGUAGE sql BEGIN ATOMIC ${body}\n; END`
}

/** The extended protocol refuses a text of several statements: nothing can be smuggled in behind the query. */
async function runAlone(client: ClientBase, text: string): Promise<void> {
  const query: QueryConfig & { queryMode: 'extended' } = { text, queryMode: 'extended' }
  await client.query(query)
}
