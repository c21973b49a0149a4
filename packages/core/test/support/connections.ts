import type { TestData } from './database.js'

/** The backends of the engine's own two connections. */
export async function engineBackends<DB>(data: TestData<DB>): Promise<{ pid: number; name: string }[]> {
  return data.run(
    `select pid, application_name as name from pg_stat_activity
     where datname = current_database() and application_name like 'pg-realtime%' order by 2`,
  )
}

/** Every backend of the database but the test's own connection. */
export async function otherBackends<DB>(data: TestData<DB>): Promise<{ pid: number }[]> {
  return data.run(
    `select pid from pg_stat_activity
     where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'`,
  )
}

export async function terminate<DB>(data: TestData<DB>, backends: readonly { pid: number }[]): Promise<void> {
  await data.run('select pg_terminate_backend(pid) from unnest($1::int[]) pid', [backends.map(({ pid }) => pid)])
}
