import {
  type Compilable,
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type KyselyPlugin,
} from 'kysely'
import type { Condition, LinkedColumn } from '../plan.js'
import { readTree, type TableLookup, type TreeReading } from './read-tree.js'

/** The shop that the tests of the analysis query. */
export interface Shop {
  users: { id: number; org_id: number; name: string; email: string | null }
  orders: { id: number; user_id: number; status: string; total: string; note: string | null; placed_at: Date }
  items: { id: number; order_id: number; product_id: number | null; quantity: number }
  products: { id: number; name: string; price: string; discontinued: boolean }
  categories: { id: number; parent_id: number | null; name: string }
  'audit.entries': { id: number; order_id: number; message: string }
}

/** A Kysely that compiles and never connects. */
export function compileOnly(plugins: KyselyPlugin[] = []): Kysely<Shop> {
  return new Kysely<Shop>({
    plugins,
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: (db) => new PostgresIntrospector(db),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    },
  })
}

export const SCHEMA: Readonly<Record<string, readonly string[]>> = {
  users: ['id', 'org_id', 'name', 'email'],
  orders: ['id', 'user_id', 'status', 'total', 'note', 'placed_at'],
  items: ['id', 'order_id', 'product_id', 'quantity'],
  products: ['id', 'name', 'price', 'discontinued'],
  categories: ['id', 'parent_id', 'name'],
  'audit.entries': ['id', 'order_id', 'message'],
}
export const NAMES = Object.keys(SCHEMA)

export const lookup: TableLookup = (schema, name) => {
  const label = schema === undefined || schema === 'public' ? name : `${schema}.${name}`
  const columns = SCHEMA[label]
  return columns && { relation: NAMES.indexOf(label), columns: new Set(columns), isTable: true }
}

/** What the tree says about a query's tables, the shop's schema standing in for the catalog. */
export function read(query: Compilable): TreeReading {
  const compiled = query.compile()
  return readTree(compiled.query, compiled.sql, lookup)
}

/** Occurrences as `orders as o: status = $1, total >= 5`. */
export function seen(query: Compilable): string[] {
  const { occurrences, failure, unknown } = read(query)
  if (failure !== undefined || unknown.length > 0) throw new Error(failure ?? `unknown: ${JSON.stringify(unknown)}`)
  return occurrences.map(({ relation, alias, conditions, partners, links }) => {
    const name = NAMES[relation] === alias ? alias : `${NAMES[relation]} as ${alias}`
    const aliases = [...partners.map((partner) => partner.alias), alias]
    const linked = ({ partner, column }: LinkedColumn) => `${aliases.at(partner)}.${column}`
    const parts = [
      ...conditions.map(shown),
      ...links.map(({ left, operator, right }) => `${linked(left)} ${operator} ${linked(right)}`),
      ...partners.flatMap((partner) => partner.conditions.map((condition) => `${partner.alias}.${shown(condition)}`)),
    ]
    return parts.length === 0 ? name : `${name}: ${parts.join(', ')}`
  })
}

function shown({ column, operator, operands }: Condition): string {
  const values = operands.map((operand) =>
    operand.kind === 'literal'
      ? JSON.stringify(operand.value)
      : `$${operand.number}${operand.kind === 'elements' ? '[]' : ''}`,
  )
  return [column, operator, values.join(' ')].join(' ').trim()
}
