/** Runs SQL against the running demo, or against DATABASE_URL: `sql "update products set stock = 0 where id = 1"`. */
import { readFile } from 'node:fs/promises'
import pg from 'pg'
import { DEMO_FILE } from './demo-file'

const statement = process.argv.slice(2).join(' ')
const connectionString = process.env['DATABASE_URL'] ?? (await demoDatabase())
if (statement.trim() === '' || connectionString === undefined) {
  console.error(
    connectionString === undefined
      ? 'No demo is running here, and DATABASE_URL is not set.'
      : 'Usage: sql "update products set stock = 0 where sku = \'AC-0001\'"',
  )
  process.exit(1)
}

const client = new pg.Client({ connectionString })
await client.connect()
try {
  const { command, rowCount, rows } = await client.query(statement)
  if (rows.length > 0) console.table(rows.slice(0, 50))
  console.log(`${command} ${rowCount ?? ''}`)
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
} finally {
  await client.end()
}

async function demoDatabase(): Promise<string | undefined> {
  try {
    return (JSON.parse(await readFile(DEMO_FILE, 'utf8')) as { connectionString: string }).connectionString
  } catch {
    return undefined
  }
}
