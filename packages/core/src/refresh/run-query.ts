import type { PoolClient, QueryArrayConfig, QueryArrayResult } from 'pg'
import type { Scope } from '../live/contract.js'
import { quoteIdentifier, quoteLiteral } from '../util/postgres.js'
import type { RawField } from './contract.js'

export type TextResult = QueryArrayResult<(string | null)[]>

const asText = (text: string) => text
/** All values as PostgreSQL's text output. */
export const RAW_TYPES = { getTypeParser: () => asText } as unknown as NonNullable<QueryArrayConfig['types']>

/** Begins a transaction on an exported snapshot. */
export function beginOnSnapshot(snapshotId: string): readonly string[] {
  return ['BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY', `SET TRANSACTION SNAPSHOT ${quoteLiteral(snapshotId)}`]
}

/** Role last: the settings are the engine's to set, the role may not be allowed to. */
export function scopeStatements(scope: Scope): string[] {
  const settings = Object.entries(scope.settings ?? {}).map(
    ([name, value]) => `SELECT pg_catalog.set_config(${quoteLiteral(name)}, ${quoteLiteral(value)}, true)`,
  )
  return scope.role === undefined ? settings : [...settings, `SET LOCAL ROLE ${quoteIdentifier(scope.role)}`]
}

/** Runs a query as the application's pool would, but keeps the values as PostgreSQL's text output. */
export async function runQuery(client: PoolClient, sql: string, parameters: readonly unknown[]): Promise<TextResult> {
  // Extended, also without parameters: text of several statements is refused.
  const config: QueryArrayConfig & { queryMode: 'extended' } = {
    text: sql,
    values: [...parameters],
    rowMode: 'array',
    types: RAW_TYPES,
    queryMode: 'extended',
  }
  return client.query(config)
}

/** Runs statements in one round trip; their values stay text. */
export async function runStatements(client: PoolClient, statements: readonly string[]): Promise<TextResult[]> {
  const config: QueryArrayConfig = { text: statements.join(';\n'), rowMode: 'array', types: RAW_TYPES }
  const result = (await client.query(config)) as TextResult | TextResult[]
  return Array.isArray(result) ? result : [result]
}

/** The same list as before where the columns are the same, because what is made of them is kept with it. */
export function fieldsOf({ fields }: TextResult, before?: readonly RawField[]): readonly RawField[] {
  const isSame =
    before?.length === fields.length &&
    fields.every(({ name, dataTypeID }, index) => before[index]!.name === name && before[index]!.typeOid === dataTypeID)
  return isSame ? before : fields.map(({ name, dataTypeID }) => ({ name, typeOid: dataTypeID }))
}
