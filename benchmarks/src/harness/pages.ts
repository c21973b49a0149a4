/**
 * What the pages of a shop show, each as one live query of one customer or one order: a list, a detail through a join, an
 * aggregate, a ranking, a document. Everybody who is compared runs these very queries. `written_at` and `ordered_at` tell
 * which writes a result contains.
 */
import { DummyDriver, Kysely, PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler, sql } from 'kysely'
import { jsonArrayFrom } from 'kysely/helpers/postgres'
import type { ShopTables } from './shop.js'

type Db = Kysely<ShopTables>

/** Each of them reads one parameter. */
export const PAGES = {
  /** The ten latest orders of a customer. */
  latest: (db: Db, customer: number) =>
    db
      .selectFrom('orders')
      .select(['id', 'status', 'total', 'written_at'])
      .where('customer_id', '=', customer)
      .orderBy('id', 'desc')
      .limit(sql.lit(10)),
  /** An order with its items. */
  detail: (db: Db, order: number) =>
    db
      .selectFrom('items')
      .innerJoin('orders', 'orders.id', 'items.order_id')
      .select(['items.id', 'items.product', 'items.quantity', 'items.price', 'items.written_at'])
      .select(['orders.status', 'orders.written_at as ordered_at'])
      .where('orders.id', '=', order)
      .orderBy('items.id'),
  /** How much a customer has bought, and when last. */
  spending: (db: Db, customer: number) =>
    db
      .selectFrom('orders')
      .innerJoin('items', 'items.order_id', 'orders.id')
      .select(({ fn }) => [
        fn.count<string>('orders.id').distinct().as('orders'),
        sql<string>`sum(items.quantity * items.price)`.as('spent'),
        fn.max('orders.written_at').as('ordered_at'),
        fn.max('items.written_at').as('written_at'),
      ])
      .where('orders.customer_id', '=', customer),
  /** The five products for which a customer pays most. */
  ranking: (db: Db, customer: number) =>
    db
      .selectFrom('items')
      .innerJoin('orders', 'orders.id', 'items.order_id')
      .select(['items.product', sql<string>`sum(items.quantity * items.price)`.as('revenue')])
      .where('orders.customer_id', '=', customer)
      .groupBy('items.product')
      .orderBy('revenue', 'desc')
      .orderBy('items.product')
      .limit(sql.lit(5)),
  /** An order as one document, the items in it. */
  document: (db: Db, order: number) =>
    db
      .selectFrom('orders')
      .select((on) => [
        'orders.id',
        'orders.status',
        'orders.total',
        'orders.note',
        'orders.written_at',
        jsonArrayFrom(
          on
            .selectFrom('items')
            .select(['items.id', 'items.product', 'items.quantity', 'items.written_at'])
            .whereRef('items.order_id', '=', 'orders.id')
            .orderBy('items.id'),
        ).as('items'),
      ])
      .where('orders.id', '=', order),
} as const

export type PageKind = keyof typeof PAGES

export const PAGE_KINDS = Object.keys(PAGES) as readonly PageKind[]

const compiler: Db = new Kysely<ShopTables>({
  dialect: {
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (db) => new PostgresIntrospector(db),
    createQueryCompiler: () => new PostgresQueryCompiler(),
  },
})

export function pageSql(kind: PageKind): string {
  return PAGES[kind](compiler, 0).compile().sql
}
