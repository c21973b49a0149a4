import { type RunningPostgres, startPostgres } from '@pg-realtime/tooling/postgres'
import { setupDatabase } from 'example/database'
import pg from 'pg'

export interface ShownOrder {
  readonly id: number
  readonly status: string
}

/** A PostgreSQL server of its own with the shop in it, and a client that stands for any other program. */
export class Shop implements AsyncDisposable {
  readonly postgres: RunningPostgres

  private constructor(postgres: RunningPostgres) {
    this.postgres = postgres
  }

  static async open(): Promise<Shop> {
    const postgres = await startPostgres({ dedicated: true })
    await setupDatabase(postgres.connectionString)
    return new Shop(postgres)
  }

  /** One statement on a connection of its own, as from psql. */
  async sql<Row extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<Row[]> {
    const client = new pg.Client({ connectionString: this.postgres.connectionString })
    await client.connect()
    try {
      return (await client.query<Row>(text, values)).rows
    } finally {
      await client.end()
    }
  }

  async one<Row extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<Row> {
    const [row] = await this.sql<Row>(text, values)
    if (!row) throw new Error(`no row: ${text}`)
    return row
  }

  /** What the first page of an organisation's orders must show. */
  async newestOrders(slug: string, condition = 'true'): Promise<ShownOrder[]> {
    return this.sql<ShownOrder & pg.QueryResultRow>(
      `select o.id, o.status from orders o join organisations g on g.id = o.org_id
       where g.slug = $1 and ${condition} order by o.placed_at desc, o.id desc limit 25`,
      [slug],
    )
  }

  /** Places an order as no part of the app would: plain SQL. Returns its number. */
  async placeOrder(slug: string, { total = '12.00', status = 'pending' } = {}): Promise<number> {
    const { id } = await this.one<{ id: number }>(
      `with chosen as (select o.id as org_id, c.id as customer_id, p.id as product_id from organisations o
         join customers c on c.org_id = o.id join products p on p.org_id = o.id where o.slug = $1 limit 1),
       placed as (insert into orders (org_id, customer_id, status, total, item_count)
         select org_id, customer_id, $3, $2, 1 from chosen returning id, org_id)
       insert into order_items (org_id, order_id, product_id, quantity, unit_price)
       select placed.org_id, placed.id, chosen.product_id, 1, $2 from placed, chosen returning order_id as id`,
      [slug, total, status],
    )
    return id
  }

  /** Places an order of a customer who has this name from now on. Returns its number. */
  async placeOrderOf(customer: string, slug: string): Promise<number> {
    const id = await this.placeOrder(slug)
    await this.sql(`update customers set name = $1 where id = (select customer_id from orders where id = $2)`, [
      customer,
      id,
    ])
    return id
  }

  /** What an organisation's stock alarm must show. */
  async shortProducts(slug: string): Promise<string[]> {
    const rows = await this.sql<{ sku: string }>(
      `select p.sku from products p join organisations o on o.id = p.org_id
       where o.slug = $1 and p.stock <= p.reorder_level order by p.stock, p.id`,
      [slug],
    )
    return rows.map(({ sku }) => sku)
  }

  /** Gives an organisation's last product another name, and takes the last one off its shelf. */
  async runShort(slug: string, name: string): Promise<void> {
    await this.sql(
      `update products set name = $2, stock = 0 where id =
       (select max(p.id) from products p join organisations o on o.id = p.org_id where o.slug = $1)`,
      [slug, name],
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.postgres.stop()
  }
}
