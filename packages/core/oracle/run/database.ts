import type pg from 'pg'
import type { CustomTypesConfig } from 'pg'
import { createDatabase, type TestDatabase } from '@pg-realtime/tooling/postgres'
import type { Case } from '../case.js'

export const SESSIONS = 3

/** A database made from a case's statements, with the connections of everybody who takes part. */
export interface OracleDatabase extends AsyncDisposable {
  /** The engine's: whatever it opens besides is named after it. */
  readonly pool: pg.Pool
  /** The application's sessions. */
  readonly writers: readonly pg.Client[]
  /** Runs the queries afresh. */
  readonly reader: pg.Client
  /** Ends the engine's connections. */
  readonly administrator: pg.Client
  /** What every connection is doing now, a line for each. */
  sessions(): Promise<string>
}

const asText: CustomTypesConfig = { getTypeParser: () => (value: unknown) => value }

export async function openDatabase({ ddl, settings }: Pick<Case, 'ddl' | 'settings'>): Promise<OracleDatabase> {
  const database = await createDatabase({ setup: (client) => runAll(client, ddl) })
  try {
    return await connectAll(database, settings.values === 'text' ? { types: asText } : {})
  } catch (error) {
    await database[Symbol.asyncDispose]()
    throw error
  }
}

async function connectAll(
  database: TestDatabase,
  values: { readonly types?: CustomTypesConfig },
): Promise<OracleDatabase> {
  const connect = (name: string, config: pg.ClientConfig = {}) =>
    database.connect({ application_name: `oracle_${name}`, ...config })
  const writers = await Promise.all(Array.from({ length: SESSIONS }, (_, index) => connect(`writer_${index}`)))
  const reader = await connect('reader', values)
  const administrator = await connect('administrator')
  return {
    pool: database.pool({ application_name: 'engine', max: 6, ...values }),
    writers,
    reader,
    administrator,
    sessions: async () => describeSessions(await connect('witness')),
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  }
}

async function describeSessions(client: pg.Client): Promise<string> {
  const { rows } = await client.query<{ line: string }>(
    `select concat_ws(' ', pid, application_name, state, 'waits for', wait_event_type, wait_event,
       'blocked by', pg_blocking_pids(pid)::text, 'for', age(clock_timestamp(), query_start)::text, left(query, 2000)) as line
     from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() order by query_start`,
  )
  return rows.map(({ line }) => line).join('\n')
}

async function runAll(client: pg.Client, ddl: readonly string[]): Promise<void> {
  for (const statement of ddl) await client.query(statement)
}

/** Ends every connection that is not the oracle's own. */
export async function killEngine({ administrator }: OracleDatabase): Promise<void> {
  await administrator.query(`select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid()
      and backend_type = 'client backend' and application_name not like 'oracle\\_%'`)
}

/** PostgreSQL's major version. */
export async function serverVersion(): Promise<number> {
  await using database = await createDatabase()
  const client = await database.connect()
  const { rows } = await client.query<{ major: number }>(
    `select current_setting('server_version_num')::int / 10000 as major`,
  )
  return rows[0]?.major ?? 0
}
