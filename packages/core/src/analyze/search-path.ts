import type { ClientBase } from 'pg'
import type { Scope } from '../live/contract.js'
import { quoteIdentifier } from '../util/postgres.js'
import { queryJson } from './catalog/query-json.js'
import { analysisError } from './failures.js'

export interface NameResolution {
  /** The role that the query runs as. */
  readonly role: number
  readonly roleName: string
  /** The schemas in which bare names are looked up, in order. */
  readonly path: readonly string[]
}

/**
 * How names resolve in a scope: `"$user"` and the search path follow its role and settings. Reads it as the scope, then
 * goes back: the analysis itself runs as the engine's own role, which needs no rights of the scope's.
 */
export async function resolveNames(client: ClientBase, scope: Scope, sql: string): Promise<NameResolution> {
  const { role, settings = {} } = scope
  if (role === undefined && Object.keys(settings).length === 0) return readResolution(client)
  await client.query('SAVEPOINT scope')
  if (role !== undefined) {
    await client.query(`SET LOCAL ROLE ${quoteIdentifier(role)}`).catch((error: unknown) => {
      throw analysisError(error, { kind: 'role', role }, sql)
    })
  }
  for (const [name, value] of Object.entries(settings)) {
    await client.query('SELECT pg_catalog.set_config($1, $2, true)', [name, value]).catch((error: unknown) => {
      throw analysisError(error, { kind: 'setting', name }, sql)
    })
  }
  const resolution = await readResolution(client)
  await client.query('ROLLBACK TO SAVEPOINT scope')
  return resolution
}

export async function setSearchPath(client: ClientBase, schemas: readonly string[]): Promise<void> {
  const path = schemas.map(quoteIdentifier).join(', ')
  await client.query("SELECT pg_catalog.set_config('search_path', $1, true)", [path])
}

function readResolution(client: ClientBase): Promise<NameResolution> {
  return queryJson(client, RESOLUTION)
}

// Every name is qualified: this statement runs under the scope's own search path.
const RESOLUTION = `
select pg_catalog.json_build_object(
  'role', (select r.oid::pg_catalog.int8 from pg_catalog.pg_roles r where r.rolname operator(pg_catalog.=) current_user),
  'roleName', current_user,
  'path', pg_catalog.current_schemas(true))::pg_catalog.text`
