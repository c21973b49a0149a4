import { readFile } from 'node:fs/promises'
import pg from 'pg'

/** Creates the shop's tables and data, unless they are there. `anchor` is the date at which the generated orders end. */
export async function setupDatabase(connectionString: string, anchor = new Date()): Promise<'created' | 'present'> {
  const client = new pg.Client({ connectionString })
  await client.connect()
  try {
    await client.query('begin')
    // Two processes that start at once must not both create the tables.
    await client.query(`select pg_advisory_xact_lock(hashtextextended('example setup', 0))`)
    const { rows } = await client.query<{ present: boolean }>(
      `select to_regclass('organisations') is not null as present`,
    )
    if (rows[0]?.present) return 'present'
    await client.query(`select set_config('app.seed_anchor', $1, true)`, [anchor.toISOString()])
    await client.query(await statements('schema.sql'))
    await client.query(await statements('seed.sql'))
    await client.query('commit')
    // Without statistics the first queries would be planned blindly until autovacuum comes by.
    await client.query('vacuum analyze organisations, categories, products, customers, orders, order_items')
    return 'created'
  } finally {
    await client.end()
  }
}

function statements(file: string): Promise<string> {
  return readFile(new URL(file, import.meta.url), 'utf8')
}
