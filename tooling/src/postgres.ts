/**
 * A real PostgreSQL for development, tests, and benchmarks, from npm: no service to install, no port to agree on.
 *
 *     await using database = await createDatabase({ setup: 'create table items (id int primary key)' })
 *     const client = await database.connect()
 *
 * `DATABASE_URL` names a server to use instead; its role must be allowed to create databases.
 */
import { randomBytes } from 'node:crypto'
import type { PostgresMajor } from './postgres/binaries.js'
import {
  type CreateDatabaseOptions,
  type Setup,
  type TemplateDatabase,
  type TestDatabase,
  createDatabaseOn,
  createTemplateOn,
} from './postgres/database.js'
import { PostgresServer, type StopMode } from './postgres/server.js'

export type { PostgresMajor } from './postgres/binaries.js'
export type { CreateDatabaseOptions, Setup, TemplateDatabase, TestDatabase } from './postgres/database.js'
export { PostgresStartError, type StopMode } from './postgres/server.js'

export interface StartPostgresOptions {
  /** Default: the environment's PG_MAJOR, else 18. */
  readonly major?: PostgresMajor
  /** Added to the settings for tests: no fsync, 200 connections, logical WAL, 10 prepared transactions. */
  readonly settings?: Readonly<Record<string, string>>
  /** Default: postgres. */
  readonly user?: string
  /** Default: a random one. */
  readonly password?: string
  /** Start a server even if DATABASE_URL names one: for tests that restart it or need their own settings. */
  readonly dedicated?: boolean
}

export interface RunningPostgres {
  /** Of the superuser, to the database `postgres`, or DATABASE_URL itself. */
  readonly connectionString: string
  readonly port: number
  /** Empty for a server named by DATABASE_URL. */
  readonly dataDirectory: string
  createDatabase(options?: CreateDatabaseOptions): Promise<TestDatabase>
  createTemplate(setup: Setup): Promise<TemplateDatabase>
  /** What the server wrote since it was last started. */
  log(): Promise<string>
  /** Stops the server and removes its files. A server named by DATABASE_URL is left alone. */
  stop(mode?: StopMode): Promise<void>
  /** Same port, same data. Also starts a server that was killed. */
  restart(mode?: StopMode): Promise<void>
  /** Ends the server as a crash does. */
  kill(): Promise<void>
  /** A hot standby with the databases of this moment: it can be read. Restarts the server. */
  standby(): Promise<RunningPostgres>
  [Symbol.asyncDispose](): Promise<void>
}

const testSettings = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  fsync: 'off',
  full_page_writes: 'off',
  max_connections: '200',
  max_prepared_transactions: '10',
  max_replication_slots: '10',
  shared_buffers: '128MB',
  wal_level: 'logical',
}

export async function startPostgres(options: StartPostgresOptions = {}): Promise<RunningPostgres> {
  const existing = process.env['DATABASE_URL']
  if (existing && !options.dedicated) return existingServer(existing)
  const user = options.user ?? 'postgres'
  const password = options.password ?? randomBytes(12).toString('hex')
  const major = options.major ?? majorFromEnvironment()
  const server = await PostgresServer.create({
    major,
    settings: { ...testSettings, ...options.settings },
    user,
    password,
  })
  return running(server, `${encodeURIComponent(user)}:${encodeURIComponent(password)}`)
}

function running(server: PostgresServer, login: string): RunningPostgres {
  const connectionString = `postgresql://${login}@127.0.0.1:${server.port}/postgres`
  return {
    connectionString,
    port: server.port,
    dataDirectory: server.dataDirectory,
    createDatabase: (databaseOptions) => createDatabaseOn(connectionString, databaseOptions),
    createTemplate: (setup) => createTemplateOn(connectionString, setup),
    log: () => server.log(),
    stop: (mode) => server.stop(mode),
    restart: (mode) => server.restart(mode),
    kill: () => server.kill(),
    standby: async () => running(await server.standby(), login),
    [Symbol.asyncDispose]: () => server.stop('immediate'),
  }
}

/** A database of its own on the server that the test run shares, or on one that this process starts for itself. */
export async function createDatabase(options?: CreateDatabaseOptions): Promise<TestDatabase> {
  return createDatabaseOn(await sharedServer(), options)
}

/** Made once per test file, copied per test: `setup` runs only once. */
export async function createTemplate(setup: Setup): Promise<TemplateDatabase> {
  return createTemplateOn(await sharedServer(), setup)
}

/** Set by the test run's global setup for its workers. */
export const sharedServerVariable = 'PG_REALTIME_TEST_SERVER'

let ownServer: Promise<RunningPostgres> | undefined

async function sharedServer(): Promise<string> {
  const shared = process.env[sharedServerVariable]
  if (shared) return shared
  ownServer ??= startPostgres()
  return (await ownServer).connectionString
}

function majorFromEnvironment(): PostgresMajor {
  return (process.env['PG_MAJOR'] ? Number(process.env['PG_MAJOR']) : 18) as PostgresMajor
}

function existingServer(connectionString: string): RunningPostgres {
  const refuse = async (): Promise<never> => {
    throw new Error('the server that DATABASE_URL names is not ours to restart: start one with { dedicated: true }')
  }
  return {
    connectionString,
    port: Number(new URL(connectionString).port || 5432),
    dataDirectory: '',
    createDatabase: (options) => createDatabaseOn(connectionString, options),
    createTemplate: (setup) => createTemplateOn(connectionString, setup),
    log: async () => '',
    stop: async () => undefined,
    restart: refuse,
    kill: refuse,
    standby: refuse,
    [Symbol.asyncDispose]: async () => undefined,
  }
}
