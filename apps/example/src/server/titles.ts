import { singleton } from '@pg-realtime/trpc/server'
import type { Compilable } from 'kysely'

const titles = singleton('titles', () => new Map<string, string>())

/** Remembers a name for a query's SQL, for the activity panel: the engine itself knows queries by their text. */
export function titled<Row>(title: string, query: Compilable<Row>): Compilable<Row> {
  titles.set(query.compile().sql, title)
  return query
}

export function titleOf(sql: string): string {
  return titles.get(sql) ?? 'Query'
}
