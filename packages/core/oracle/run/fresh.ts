import type pg from 'pg'
import type { QueryCase } from '../case.js'
import { builder } from '../query/kysely.js'
import { identifier, literal } from '../schema/schema.js'
import { compileQuery } from './replay.js'
import { rowTexts, type Row } from './values.js'

/** What a query returns when it is simply run, or why it fails. */
export type Fresh =
  | { readonly kind: 'rows'; readonly texts: readonly string[] }
  | { readonly kind: 'error'; readonly message: string }

export interface FreshState {
  readonly results: ReadonlyMap<string, Fresh>
  /** The `pg_snapshot` that all of them were run on. */
  readonly snapshot: string
}

/** Runs the queries on one snapshot, each as its scope. */
export async function runFresh(reader: pg.Client, queries: readonly QueryCase[]): Promise<FreshState> {
  await reader.query('begin isolation level repeatable read read only')
  try {
    const { rows } = await reader.query<{ snapshot: string }>('select pg_current_snapshot()::text as snapshot')
    const results = new Map<string, Fresh>()
    for (const query of queries) results.set(query.id, await runOne(reader, query))
    return { results, snapshot: rows[0]?.snapshot ?? '' }
  } finally {
    await reader.query('rollback')
  }
}

async function runOne(reader: pg.Client, query: QueryCase): Promise<Fresh> {
  await reader.query(['savepoint one', ...scopeStatements(query)].join('; '))
  try {
    const { sql, parameters } = compileQuery(builder, query)
    const { rows } = await reader.query<Row>(sql, parameters)
    return { kind: 'rows', texts: rowTexts(rows, query.compare.loose) }
  } catch (error) {
    return { kind: 'error', message: error instanceof Error ? error.message : String(error) }
  } finally {
    await reader.query('rollback to savepoint one')
  }
}

function scopeStatements({ scope }: QueryCase): string[] {
  if (!scope) return []
  const settings = Object.entries(scope.settings).map(([name, value]) => `set local ${name} = ${literal(value)}`)
  return [...settings, `set local role ${identifier(scope.role)}`]
}
