import { sql } from 'kysely'
import { eb, type Expr, type Loose, type Query } from '../query/kysely.js'
import type { Random } from '../random.js'
import { KINDS, type KindName, type RouteColumn, type RouteTable } from './columns.js'

/** Something in FROM whose columns can be named. */
export interface Item {
  readonly alias: string
  readonly columns: readonly RouteColumn[]
  /** No two of its rows are the same. */
  readonly isKeyed: boolean
  /** Expressions that put its rows into one order. */
  readonly order: readonly Expr[]
}

/** What one shape is made with: `structure` decides about the SQL, `values` about the parameters alone. */
export class Making {
  readonly features = new Set<string>()
  #aliases = 0

  constructor(
    readonly structure: Random,
    readonly values: Random,
    readonly tables: readonly RouteTable[],
  ) {}

  alias(prefix = 't'): string {
    return `${prefix}${this.#aliases++}`
  }

  tag(feature: string): void {
    this.features.add(feature)
  }

  /** A parameter; NULL now and then. */
  parameter(kind: KindName): unknown {
    return this.values.chance(0.04) ? null : this.values.pick<unknown>(KINDS[kind].parameters)
  }

  literal(kind: KindName): Expr {
    const value = this.structure.pick<string | number | boolean>(KINDS[kind].literals)
    return typeof value === 'string' ? sql.lit(value) : eb.lit(value)
  }
}

export function baseItem(making: Making, table: RouteTable): { readonly from: string; readonly item: Item } {
  const alias = making.alias()
  const order = table.isKeyed ? [eb.ref(`${alias}.id`)] : [sql`${sql.id(alias)}::text`]
  return { from: `${table.name} as ${alias}`, item: { alias, columns: table.columns, isKeyed: table.isKeyed, order } }
}

export function reference({ alias }: Item, { name }: RouteColumn): Loose {
  return eb.ref(`${alias}.${name}`)
}

/** A column of one of the items; of a kind, where that is given. */
export function pick(
  { structure }: Making,
  items: readonly Item[],
  kind?: KindName,
): readonly [Item, RouteColumn] | undefined {
  const all = items.flatMap((item) =>
    item.columns
      .filter((column) => kind === undefined || column.kind === kind)
      .map((column) => [item, column] as const),
  )
  return all.length > 0 ? structure.pick(all) : undefined
}

export function ordered(query: Query, items: readonly Item[]): Query {
  return items.flatMap(({ order }) => order).reduce<Query>((built, by) => built.orderBy(by as Loose), query)
}
