import { randomBytes } from 'node:crypto'
import { Kysely, PostgresDialect, type KyselyPlugin } from 'kysely'
import { createDatabase, type TestDatabase } from '@pg-realtime/tooling/postgres'
import type { Client, ClientConfig, Pool, PoolConfig } from 'pg'
import type { EngineOverrides } from '../../src/engine.js'
import type { RealtimeOptions } from '../../src/index.js'
import { startEngine, type TestEngine } from './engine.js'

export interface OpenOptions {
  readonly plugins?: KyselyPlugin[]
  readonly pool?: PoolConfig
}

/** A database of its own: where a test writes (`run`), queries (`db`), and starts engines. */
export interface TestData<DB> extends AsyncDisposable {
  readonly name: string
  readonly connectionString: string
  /** Of the application: what the engine runs on. */
  readonly pool: Pool
  readonly db: Kysely<DB>
  /** Somebody else's connection, as superuser: not of the pool. */
  readonly client: Client
  /** Runs SQL on `client`. */
  run<Row = Record<string, unknown>>(sql: string, values?: unknown[]): Promise<Row[]>
  connect(config?: ClientConfig): Promise<Client>
  /** Another pool and Kysely instance on the same database, for instance as another role. */
  application(options?: OpenOptions): { readonly pool: Pool; readonly db: Kysely<DB> }
  /** An engine; without a throttle unless asked for. */
  engine(options?: Partial<RealtimeOptions<DB>>, overrides?: EngineOverrides): TestEngine<DB>
  /** A login role that is gone with the database. */
  role(attributes?: string): Promise<TestRole>
}

export interface TestRole {
  readonly name: string
  readonly password: string
  readonly login: { readonly user: string; readonly password: string }
}

export async function openDatabase<DB>(setup = '', options: OpenOptions = {}): Promise<TestData<DB>> {
  const database = await createDatabase({ setup })
  const client = await database.connect()
  return new Data<DB>(database, client, options)
}

class Data<DB> implements TestData<DB> {
  readonly name: string
  readonly connectionString: string
  readonly pool: Pool
  readonly db: Kysely<DB>
  readonly client: Client
  readonly #database: TestDatabase
  readonly #roles: string[] = []
  /** One statement at a time is what a connection can do. */
  #lastRun: Promise<unknown> = Promise.resolve()

  constructor(database: TestDatabase, client: Client, options: OpenOptions) {
    this.#database = database
    this.client = client
    this.name = database.name
    this.connectionString = database.connectionString
    const { pool, db } = this.application(options)
    this.pool = pool
    this.db = db
  }

  async run<Row>(sql: string, values?: unknown[]): Promise<Row[]> {
    const result = this.#lastRun.then(() => this.client.query(sql, values))
    this.#lastRun = result.catch(() => {})
    return (await result).rows as Row[]
  }

  connect(config?: ClientConfig): Promise<Client> {
    return this.#database.connect(config)
  }

  application(options: OpenOptions = {}) {
    const pool = this.#database.pool(options.pool)
    const db = new Kysely<DB>({ dialect: new PostgresDialect({ pool }), plugins: options.plugins ?? [] })
    return { pool, db }
  }

  engine(options: Partial<RealtimeOptions<DB>> = {}, overrides: EngineOverrides = {}): TestEngine<DB> {
    return startEngine({ db: this.db, pool: this.pool, throttleMs: 0, ...options }, overrides)
  }

  async role(attributes = ''): Promise<TestRole> {
    const name = `role_${randomBytes(6).toString('hex')}`
    const password = randomBytes(6).toString('hex')
    await this.run(`create role ${name} login password '${password}' ${attributes}`)
    this.#roles.push(name)
    return { name, password, login: { user: name, password } }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#database[Symbol.asyncDispose]()
    if (this.#roles.length === 0) return
    // Roles belong to the server: they can go once the database, which holds their rights, is gone.
    await using elsewhere = await createDatabase()
    const administrator = await elsewhere.connect()
    for (const role of this.#roles.reverse()) await administrator.query(`drop role ${role}`)
  }
}
