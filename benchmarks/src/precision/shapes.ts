import { sql, type Compilable, type Kysely } from 'kysely'
import { jsonArrayFrom } from 'kysely/helpers/postgres'
import type { Random } from './random.js'
import { REGIONS, STATUSES, type ShopTables } from '../harness/shop.js'

/** Customers that are watched; there are twice as many. */
export const WATCHED = 200

export interface Shape {
  readonly name: string
  /** The query of instance `n`, from 1. No two instances of a shape have the same parameters. */
  query(db: Kysely<ShopTables>, n: number): Compilable<object>
}

const product = (n: number): string => `product ${n % 100}`
const status = (n: number): string => STATUSES[n % STATUSES.length]!
const region = (n: number): string => REGIONS[n % REGIONS.length]!

export const SHAPES: readonly Shape[] = [
  {
    name: 'orders of a customer',
    query: (db, n) => db.selectFrom('orders').select(['id', 'status', 'total']).where('customer_id', '=', n),
  },
  {
    name: 'one order',
    query: (db, n) => db.selectFrom('orders').selectAll().where('id', '=', n),
  },
  {
    name: 'orders of a customer in a state',
    query: (db, n) =>
      db.selectFrom('orders').select(['id', 'total']).where('customer_id', '=', n).where('status', '=', status(n)),
  },
  {
    name: 'orders with a total in a range',
    query: (db, n) =>
      db
        .selectFrom('orders')
        .select(['id', 'total'])
        .where('total', '>=', n * 5)
        .where('total', '<', n * 5 + 5),
  },
  {
    name: 'orders of three customers',
    query: (db, n) =>
      db
        .selectFrom('orders')
        .select(['id', 'status'])
        .where('customer_id', 'in', [n, n + 7, n + 31]),
  },
  {
    name: 'count and sum of a customer',
    query: (db, n) =>
      db
        .selectFrom('orders')
        .select(({ fn }) => [fn.countAll<string>().as('count'), fn.sum<string>('total').as('sum')])
        .where('customer_id', '=', n),
  },
  {
    name: 'the three largest orders of a customer',
    query: (db, n) =>
      db
        .selectFrom('orders')
        .select(['id', 'total'])
        .where('customer_id', '=', n)
        .orderBy('total', 'desc')
        .orderBy('id')
        .limit(3),
  },
  {
    name: 'items of an order',
    query: (db, n) => db.selectFrom('items').select(['id', 'product', 'quantity']).where('order_id', '=', n),
  },
  {
    name: 'items of a customer, through a join',
    query: (db, n) =>
      db
        .selectFrom('items')
        .innerJoin('orders', 'orders.id', 'items.order_id')
        .select(['items.id', 'items.quantity'])
        .where('orders.customer_id', '=', n),
  },
  {
    name: 'orders of a customer with a product, by EXISTS',
    query: (db, n) =>
      db
        .selectFrom('orders')
        .select(['orders.id', 'orders.status'])
        .where('orders.customer_id', '=', n)
        .where((on) =>
          on.exists(
            on
              .selectFrom('items')
              .select(sql.lit(1).as('one'))
              .whereRef('items.order_id', '=', 'orders.id')
              .where('items.product', '=', product(n)),
          ),
        ),
  },
  {
    name: 'one order with its items as JSON',
    query: (db, n) =>
      db
        .selectFrom('orders')
        .select((on) => [
          'orders.id',
          'orders.status',
          jsonArrayFrom(
            on
              .selectFrom('items')
              .select(['items.id', 'items.quantity'])
              .whereRef('items.order_id', '=', 'orders.id')
              .orderBy('items.id'),
          ).as('items'),
        ])
        .where('orders.id', '=', n),
  },
  {
    name: 'a customer of a region and the revenue, through a left join',
    query: (db, n) =>
      db
        .selectFrom('customers')
        .leftJoin('orders', 'orders.customer_id', 'customers.id')
        .select(({ fn }) => ['customers.name', fn.sum<string>('orders.total').as('revenue')])
        .where('customers.id', '=', n)
        .where('customers.region', '=', region(n))
        .groupBy('customers.name'),
  },
]

export interface Write {
  readonly table: keyof ShopTables
  readonly text: string
  readonly values: readonly unknown[]
}

/** One transaction of the mixed workload; half of it is about customers whom nobody watches. */
export function transaction(random: Random, size: { readonly orders: number; readonly items: number }): Write[] {
  const count = random.below(5) === 0 ? 1 + random.below(3) : 1
  return Array.from({ length: count }, () => oneWrite(random, size))
}

function oneWrite(random: Random, { orders, items }: { readonly orders: number; readonly items: number }): Write {
  const order = 1 + random.below(orders)
  const item = 1 + random.below(items)
  const set = (table: Write['table'], text: string, ...values: unknown[]): Write => ({ table, text, values })
  switch (random.below(10)) {
    case 0:
    case 1:
      return set('orders', 'update orders set total = $1 where id = $2', random.below(1_000), order)
    case 2:
    case 3:
      return set('orders', 'update orders set status = $1 where id = $2', STATUSES[random.below(4)], order)
    case 4:
      return set('orders', 'update orders set note = $1 where id = $2', `note ${random.below(1_000)}`, order)
    case 5:
      return set(
        'orders',
        `insert into orders (id, customer_id, status, total, note) select max(id) + 1, $1, $2, $3, 'new' from orders`,
        1 + random.below(WATCHED * 2),
        STATUSES[random.below(4)],
        random.below(1_000),
      )
    case 6:
      return set('items', 'update items set quantity = $1 where id = $2', random.below(50), item)
    case 7:
      return set(
        'items',
        'insert into items (id, order_id, product, quantity, price) select max(id) + 1, $1, $2, 1, 1 from items',
        order,
        product(random.below(100)),
      )
    case 8:
      return set('items', 'delete from items where id = $1', item)
    default:
      return set(
        'customers',
        'update customers set name = $1 where id = $2',
        `name ${random.below(100)}`,
        1 + random.below(WATCHED * 2),
      )
  }
}
