import type { Kysely, KyselyPlugin, QueryId, SelectQueryNode } from 'kysely'
import type { PlanTable } from '../analyze/plan.js'

/**
 * Translates between the names of the application's database interface and those in the database, through the plugins
 * of its Kysely instance (CamelCasePlugin, WithSchemaPlugin and the like).
 */
export interface Names {
  /** `orderItems` → `{ name: 'order_items' }`; `shop.orderItems` → `{ schema: 'shop', name: 'order_items' }`. */
  toTable(key: string): { readonly schema: string | undefined; readonly name: string }
  toColumn(table: string, key: string): string
  /** A row with database names as the application knows it. */
  toRow(row: Record<string, unknown>): Promise<Record<string, unknown>>
  /** How the application writes a table of the plan. */
  toKey(table: PlanTable): Promise<string>
}

export function namesOf<DB>(db: Kysely<DB>): Names {
  const plugins = db.getExecutor().plugins
  const anyDb = db as unknown as Kysely<Record<string, Record<string, unknown>>>
  const nodeOf = (table: string, column: string) => anyDb.selectFrom(table).select(column).toOperationNode()
  const toRow = async (row: Record<string, unknown>) =>
    (await transformRows<Record<string, unknown>>(plugins, [row], newQueryId()))[0]!
  return {
    toTable: (key) => tableOf(nodeOf(key, 'x')),
    toColumn: (table, key) => columnOf(nodeOf(table, key)) ?? key,
    toRow,
    async toKey(table) {
      const parts = table.label === table.name ? [table.name] : [table.schema, table.name]
      const keys = await Promise.all(parts.map(async (part) => Object.keys(await toRow({ [part]: null }))[0] ?? part))
      return keys.join('.')
    },
  }
}

/** A table of the database interface as plans label it: `name`, or `schema.name` outside of `public`. */
export function labelOf(names: Names, key: string): string {
  const { schema, name } = names.toTable(key)
  return schema === undefined || schema === 'public' ? name : `${schema}.${name}`
}

/** What plugins make of a query's rows; undefined where there are none. */
export function transformOf<Row>(
  plugins: readonly KyselyPlugin[],
  queryId: QueryId,
): ((rows: readonly Record<string, unknown>[]) => Promise<Row[]>) | undefined {
  return plugins.length === 0 ? undefined : (rows) => transformRows<Row>(plugins, rows, queryId)
}

/** Applies the result side of plugins, in their order. */
async function transformRows<Row>(
  plugins: readonly KyselyPlugin[],
  rows: readonly Record<string, unknown>[],
  queryId: QueryId,
): Promise<Row[]> {
  let result = { rows: rows as Record<string, unknown>[] }
  for (const plugin of plugins) {
    result = await plugin.transformResult({ result, queryId })
  }
  return result.rows as Row[]
}

/** Plugins that look a query up by its id find none, as for a query that they never saw. */
export function newQueryId(): QueryId {
  return { queryId: `live-${Math.random().toString(36).slice(2, 10)}` }
}

function tableOf(node: SelectQueryNode) {
  const from = node.from?.froms[0]
  if (from?.kind !== 'TableNode') throw new TypeError('A plugin replaced a table by something else.')
  const { schema, identifier } = (from as import('kysely').TableNode).table
  return { schema: schema?.name, name: identifier.name }
}

function columnOf(node: SelectQueryNode): string | undefined {
  const selection = node.selections?.[0]?.selection
  if (selection?.kind !== 'ReferenceNode') return undefined
  const { column } = selection
  return column.kind === 'ColumnNode' ? column.column.name : undefined
}
