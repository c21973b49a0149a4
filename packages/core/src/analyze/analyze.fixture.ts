import { createDatabase, type TestDatabase } from '@pg-realtime/tooling/postgres'
import type { Compilable } from 'kysely'
import type { Client } from 'pg'
import { analyze, type AnalyzeInput } from './analyze.js'
import type { Plan } from './plan.js'

export const SHOP_SCHEMA = `
create table users (id int primary key, org_id int not null, name text not null, email text);
create table orders (
  id int primary key, user_id int not null, status text not null, total numeric not null, note text, placed_at timestamptz not null);
create table items (id int primary key, order_id int not null, product_id int, quantity int not null);
create table products (id int primary key, name text not null, price numeric not null, discontinued boolean not null);
create table categories (id int primary key, parent_id int, name text not null);
create schema audit;
create table audit.entries (id int primary key, order_id int not null, message text not null);`

export interface AnalysisShop extends AsyncDisposable {
  readonly database: TestDatabase
  readonly client: Client
  plan(query: string | Compilable, options?: Partial<Omit<AnalyzeInput, 'sql' | 'node'>>): Promise<Plan>
}

/** The shop's tables, and whatever `setup` adds to them. */
export async function openAnalysisShop(setup = ''): Promise<AnalysisShop> {
  const database = await createDatabase({ setup: SHOP_SCHEMA + setup })
  const client = await database.connect()
  return {
    database,
    client,
    plan: (query, options) => planOf(client, query, options),
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  }
}

export function planOf(
  client: Client,
  query: string | Compilable,
  options: Partial<Omit<AnalyzeInput, 'sql' | 'node'>> = {},
): Promise<Plan> {
  const { sql, node } =
    typeof query === 'string'
      ? { sql: query, node: undefined }
      : { sql: query.compile().sql, node: query.compile().query }
  return analyze(client, { sql, node, scope: {}, dependsOn: [], acceptsTime: false, ...options })
}

/** `{ orders: ['id', 'status'] }`, sorted. */
export function tablesOf(plan: Plan): Readonly<Record<string, readonly string[] | 'all'>> {
  return Object.fromEntries(
    plan.tables
      .map(({ label, columns }) => [label, columns === 'all' ? columns : [...columns].toSorted()] as const)
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
  )
}
