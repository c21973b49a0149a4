import type { PoolClient, QueryArrayConfig, QueryArrayResult } from 'pg'
import type { Scope } from '../live/contract.js'
import { quoteIdentifier, quoteLiteral } from '../util/postgres.js'
import type { RawResult } from './contract.js'

const asText = (text: string) => text
const RAW_TYPES = { getTypeParser: () => asText } as unknown as NonNullable<QueryArrayConfig['types']>

/** Begins a transaction on an exported snapshot, as a scope. Every setting ends with the transaction. */
export function beginOnSnapshot(snapshotId: string, scope: Scope, statementTimeoutMs: number): string {
  return [
    'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY',
    `SET TRANSACTION SNAPSHOT ${quoteLiteral(snapshotId)}`,
    `SET LOCAL statement_timeout = ${Math.trunc(statementTimeoutMs)}`,
    'SET LOCAL idle_in_transaction_session_timeout = 0',
    ...scopeStatements(scope),
  ].join('; ')
}

/** Role last: the settings are the engine's to set, the role may not be allowed to. */
export function scopeStatements(scope: Scope): string[] {
  const settings = Object.entries(scope.settings ?? {}).map(
    ([name, value]) => `SELECT pg_catalog.set_config(${quoteLiteral(name)}, ${quoteLiteral(value)}, true)`,
  )
  return scope.role === undefined ? settings : [...settings, `SET LOCAL ROLE ${quoteIdentifier(scope.role)}`]
}

/** Runs a query as the application's pool would, but keeps the values as PostgreSQL's text output. */
export async function runQuery(client: PoolClient, sql: string, parameters: readonly unknown[]): Promise<RawResult> {
  const config: QueryArrayConfig = { text: sql, values: [...parameters], rowMode: 'array', types: RAW_TYPES }
  const result: QueryArrayResult<(string | null)[]> = await client.query(config)
  return {
    fields: result.fields.map((field) => ({ name: field.name, typeOid: field.dataTypeID })),
    rows: result.rows,
    parser: (typeOid) => client.getTypeParser(typeOid, 'text') as (text: string) => unknown,
  }
}
