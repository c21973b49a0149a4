/**
 * The demo: a PostgreSQL of its own (or the one that DATABASE_URL names), the shop's data, and the app in production
 * mode, until Ctrl-C.
 */
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startPostgres } from '@pg-realtime/tooling/postgres'
import { setupDatabase } from '../database/setup'
import { DEMO_FILE } from './demo-file'
import { findPort } from './find-port'
import { shellWord } from './shell-word'

const root = fileURLToPath(new URL('../../..', import.meta.url)).slice(0, -1)

const postgres = await startPostgres()
process.env['DATABASE_URL'] = postgres.connectionString
// Production, as the build is: Next looks at this when it is loaded.
Object.assign(process.env, { NODE_ENV: 'production', NEXT_TELEMETRY_DISABLED: '1' })

const made = await setupDatabase(postgres.connectionString)
const { serve } = await import('../src/server/serve')
const wanted = Number(process.env['PORT'] ?? 3000)
const app = await serve({ port: await findPort(wanted) })

await mkdir(dirname(DEMO_FILE), { recursive: true })
await writeFile(DEMO_FILE, JSON.stringify({ connectionString: postgres.connectionString }), { mode: 0o600 })

console.log(`
  The board is at  ${app.url}
  ${made === 'created' ? 'Made 23,000 orders of three organisations.' : 'The database has the shop already.'} Open two windows, and change something in one.

  Or change rows from outside, with any SQL client or with this line in another terminal:

    npx -y pnpm@10.34.9 --dir ${shellWord(root)} --filter example sql "update products set stock = 0 where sku = 'AC-0001'"

  Ctrl-C stops everything${postgres.dataDirectory === '' ? '; the tables stay in your database.' : ' and removes the database.'}
`)

let stopping = false
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void stop())

async function stop(): Promise<void> {
  if (stopping) return
  stopping = true
  console.log('\n  Stopping …')
  await rm(DEMO_FILE, { force: true })
  await app.close()
  await postgres.stop()
  process.exit(0)
}
