import type { CompiledQuery } from 'kysely'
import type { ClientBase } from 'pg'
import { MissingObjectError } from '../errors.js'
import type { Scope } from '../live/contract.js'
import { readTree, type TreeReading } from './ast/read-tree.js'
import { buildPlan } from './build-plan.js'
import { findRelations, type Catalog } from './catalog/relations.js'
import { followDependencies, isTable, SchemaMovedError, type Dependencies } from './dependencies.js'
import { analysisError } from './failures.js'
import { parseQuery, requireReadingQuery } from './parse-query.js'
import type { Plan } from './plan.js'
import { refuseUnsuitable } from './refusals.js'
import { resolveNames } from './search-path.js'

/** The root of a Kysely tree, as `compile().query` has it: after plugins. */
export type RootOperationNode = CompiledQuery['query']

export interface AnalyzeInput {
  readonly sql: string
  /** A RawNode or `undefined` for raw SQL. */
  readonly node: RootOperationNode | undefined
  readonly scope: Scope
  /** Labels of tables that opaque functions read: `orders`, or `schema.table`. */
  readonly dependsOn: readonly string[]
  /** Whether the query may depend on time, or on relations that cannot be watched: `refreshEvery` was given. */
  readonly acceptsTime: boolean
  /** How long to wait for a table that is locked exclusively, in milliseconds. Default 2,000. */
  readonly lockTimeoutMs?: number
}

/**
 * Finds out what a query depends on, without running it. `client` must not be in a transaction; it is used for one,
 * which is always rolled back, and takes no lock above ACCESS SHARE on tables. Throws a `RealtimeError` that says what
 * to do for everything that cannot be made live.
 */
export async function analyze(client: ClientBase, input: AnalyzeInput): Promise<Plan> {
  requireReadingQuery(input.sql)
  try {
    // The second time the snapshot is newer than the change that got in between.
    return await inTransaction(client, input).catch((error: unknown) => {
      if (error instanceof SchemaMovedError) return inTransaction(client, input)
      throw error
    })
  } catch (error) {
    throw analysisError(error, { kind: 'catalog' }, input.sql)
  }
}

async function inTransaction(client: ClientBase, input: AnalyzeInput): Promise<Plan> {
  try {
    await client.query(begin(input.lockTimeoutMs ?? 2_000)).catch((error: unknown) => {
      throw analysisError(error, { kind: 'begin' }, input.sql)
    })
    return await findPlan(client, input)
  } finally {
    // Fails only when the connection is gone, and with it the transaction.
    await client.query('ROLLBACK').catch(() => {})
  }
}

async function findPlan(client: ClientBase, input: AnalyzeInput): Promise<Plan> {
  const { role, roleName, path } = await resolveNames(client, input.scope, input.sql)
  const parsed = await parseQuery(client, input.sql, path)
  const catalog: Catalog = { client, path }
  const declared = await findDeclared(catalog, input.dependsOn)
  const roots = { sql: input.sql, query: parsed.stored, role, declared }
  const dependencies = await followDependencies(catalog, roots)
  refuseUnsuitable(input, roleName, dependencies)
  const reading = readQueryTree(input, dependencies)
  const added = await findAdded(catalog, reading)
  if (added.length === 0) return buildPlan(client, roots, parsed, dependencies, reading)
  const larger = await followDependencies(catalog, { ...roots, declared: [...declared, ...added] })
  return buildPlan(client, roots, parsed, larger, reading)
}

/** What the Kysely tree says; `undefined` for raw SQL. */
function readQueryTree({ node, sql }: AnalyzeInput, { relations }: Dependencies): TreeReading | undefined {
  if (node === undefined || node.kind === 'RawNode') return undefined
  const inQuery = [...relations.values()].filter((use) => use.inQuery > 0).map(({ relation }) => relation)
  return readTree(node, sql, (schema, name) => {
    const found = inQuery.find((r) => r.name === name && (schema === undefined ? r.visible : r.schema === schema))
    if (!found) return undefined
    const columns = new Set(found.columns.map((column) => column.name))
    return { relation: found.oid, columns, isTable: isTable(found) }
  })
}

/** Tables that only the tree names: they should not exist, and count if they do. */
async function findAdded(catalog: Catalog, reading: TreeReading | undefined): Promise<readonly number[]> {
  const labels = (reading?.unknown ?? []).map(({ schema, name }) =>
    schema === undefined || schema === 'public' ? name : `${schema}.${name}`,
  )
  return (await findRelations(catalog, labels)).filter((relation) => relation !== null)
}

/**
 * One snapshot for everything that is read from the catalog: a schema change in between then leaves a fingerprint that
 * the next audit finds outdated.
 */
function begin(lockTimeoutMs: number): string {
  return `BEGIN ISOLATION LEVEL REPEATABLE READ READ WRITE;
SET LOCAL lock_timeout = ${lockTimeoutMs}; SET LOCAL statement_timeout = ${STATEMENT_TIMEOUT_MS};
SET LOCAL idle_in_transaction_session_timeout = ${STATEMENT_TIMEOUT_MS}; SET LOCAL quote_all_identifiers = off; SET LOCAL jit = off`
}

const STATEMENT_TIMEOUT_MS = 15_000

async function findDeclared(catalog: Catalog, labels: readonly string[]): Promise<readonly number[]> {
  const found = await findRelations(catalog, labels)
  return labels.map((label, index) => {
    const relation = found[index]
    if (relation !== null && relation !== undefined) return relation
    throw new MissingObjectError(
      `dependsOn: there is no table "${label}". Write its name as it is in the database, with the schema where that is not public.`,
    )
  })
}
