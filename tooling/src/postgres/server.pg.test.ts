import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { expect, it } from 'vitest'
import { PostgresStartError, type RunningPostgres, startPostgres } from '../postgres.js'

const dedicated = true

async function ask(server: RunningPostgres, sql: string) {
  const client = new pg.Client(server.connectionString)
  await client.connect()
  const result = await client.query<Record<string, unknown>>(sql).finally(() => client.end())
  return result.rows
}

it('has the settings that tests rely on, and those that are asked for', async () => {
  await using server = await startPostgres({ dedicated, settings: { work_mem: '7MB' } })
  const names = ['fsync', 'max_connections', 'wal_level', 'max_prepared_transactions', 'work_mem']
  const rows = await ask(server, `select ${names.map((name) => `current_setting('${name}') as ${name}`).join()}`)
  const expected = { fsync: 'off', max_connections: '200', wal_level: 'logical', max_prepared_transactions: '10' }
  expect(rows).toEqual([{ ...expected, work_mem: '7MB' }])
})

it.each([14, 18] as const)('runs PostgreSQL %i', async (major) => {
  await using server = await startPostgres({ dedicated, major })
  const [row] = await ask(server, "select current_setting('server_version_num')::int / 10000 as major")
  expect(row).toEqual({ major })
})

it('keeps port and data over restarts and a kill', async () => {
  await using server = await startPostgres({ dedicated })
  await ask(server, 'create table items as select 1 as id')
  const crash = async (): Promise<void> => {
    await server.kill()
    await server.restart()
  }
  for (const again of [() => server.restart('fast'), () => server.restart('immediate'), crash]) {
    await again()
    expect(await ask(server, 'select id from items')).toEqual([{ id: 1 }])
  }
})

it('refuses connections while it is killed', async () => {
  await using server = await startPostgres({ dedicated })
  await server.kill()
  await expect(ask(server, 'select 1')).rejects.toThrow('ECONNREFUSED')
})

it('has a standby that can be read, while it goes on itself', async () => {
  await using server = await startPostgres({ dedicated })
  await ask(server, 'create table items as select 1 as id')
  await using standby = await server.standby()
  await ask(server, 'insert into items values (2)')
  expect(await ask(standby, 'select id, pg_is_in_recovery() as standby from items')).toEqual([{ id: 1, standby: true }])
  await expect(ask(standby, 'insert into items values (2)')).rejects.toThrow('read-only transaction')
})

it('leaves no files when it is stopped', async () => {
  const server = await startPostgres({ dedicated })
  expect(existsSync(server.dataDirectory)).toBe(true)
  await server.stop()
  expect(existsSync(server.dataDirectory)).toBe(false)
})

it('reports the log of a server that does not start', async () => {
  const starting = startPostgres({ dedicated, settings: { work_mem: 'plenty' } })
  await expect(starting).rejects.toThrow(PostgresStartError)
  await expect(starting).rejects.toThrow('invalid value for parameter "work_mem"')
})

it('uses the server that DATABASE_URL names, and does not restart it', async () => {
  await using existing = await startPostgres({ dedicated })
  const before = process.env['DATABASE_URL']
  process.env['DATABASE_URL'] = existing.connectionString
  try {
    await using server = await startPostgres()
    expect(server.connectionString).toBe(existing.connectionString)
    await using database = await server.createDatabase()
    expect((await ask(existing, `select datname from pg_database`)).map((row) => row['datname'])).toContain(
      database.name,
    )
    await expect(server.restart()).rejects.toThrow('dedicated: true')
  } finally {
    if (before === undefined) delete process.env['DATABASE_URL']
    else process.env['DATABASE_URL'] = before
  }
})

it.each(['sigkill', 'sigterm', 'sigint', 'exit', 'throw'])('is gone after its process ended by %s', async (ending) => {
  const program = fileURLToPath(new URL('./server-owner.fixture.ts', import.meta.url))
  const child = spawn(process.execPath, ['--import', 'tsx', program, ending], { stdio: ['ignore', 'pipe', 'ignore'] })
  const ended = once(child, 'exit')
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  const { pid, directory } = JSON.parse(line) as { pid: number; directory: string }
  if (ending.startsWith('sig')) child.kill(ending.toUpperCase() as NodeJS.Signals)
  await ended
  const runs = () => {
    try {
      return process.kill(pid, 0)
    } catch {
      return false
    }
  }
  await expect.poll(() => [runs(), existsSync(directory)]).toEqual([false, false])
})
