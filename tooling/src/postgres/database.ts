/** Databases for tests: each with a name of its own, gone when the test is, whoever is still connected to it. */
import { randomBytes } from 'node:crypto'
import pg from 'pg'

export interface TestDatabase {
  readonly name: string
  readonly connectionString: string
  /** A connected client, closed with the database at the latest. Override e.g. `user` and `password`. */
  connect(config?: pg.ClientConfig): Promise<pg.Client>
  /** A pool, ended with the database at the latest. */
  pool(config?: pg.PoolConfig): pg.Pool
  [Symbol.asyncDispose](): Promise<void>
}

export interface TemplateDatabase {
  readonly name: string
  /** A copy of the template as `setup` left it. */
  createDatabase(): Promise<TestDatabase>
  [Symbol.asyncDispose](): Promise<void>
}

/** SQL, or a function that gets a client connected to the new database. */
export type Setup = string | ((client: pg.Client) => Promise<unknown>)

export interface CreateDatabaseOptions {
  readonly setup?: Setup
  /** The name of a database to copy. Nobody may be connected to it. */
  readonly template?: string
}

export async function createDatabaseOn(server: string, options: CreateDatabaseOptions = {}): Promise<TestDatabase> {
  const name = `test_${randomBytes(6).toString('hex')}`
  await administer(server, `create database ${name} template ${pg.escapeIdentifier(options.template ?? 'template0')}`)
  const database = new Database(server, name)
  try {
    if (options.setup !== undefined) await setUp(database, options.setup)
    return database
  } catch (error) {
    await database[Symbol.asyncDispose]()
    throw error
  }
}

export async function createTemplateOn(server: string, setup: Setup): Promise<TemplateDatabase> {
  const template = await createDatabaseOn(server, { setup })
  return {
    name: template.name,
    createDatabase: () => createDatabaseOn(server, { template: template.name }),
    [Symbol.asyncDispose]: () => template[Symbol.asyncDispose](),
  }
}

async function setUp(database: TestDatabase, setup: Setup): Promise<void> {
  const client = await database.connect()
  try {
    await (typeof setup === 'string' ? client.query(setup) : setup(client))
  } finally {
    await client.end()
  }
}

class Database implements TestDatabase {
  readonly name: string
  readonly connectionString: string
  readonly #server: string
  readonly #clients = new Set<pg.Client>()
  readonly #pools = new Set<pg.Pool>()

  constructor(server: string, name: string) {
    this.name = name
    this.#server = server
    const url = new URL(server)
    url.pathname = `/${name}`
    this.connectionString = url.href
  }

  async connect(config: pg.ClientConfig = {}): Promise<pg.Client> {
    const client = new pg.Client(withOverrides(this.connectionString, config))
    this.#clients.add(client)
    client.once('end', () => this.#clients.delete(client))
    // A connection that a test cuts reports itself here; without a listener Node would end the whole process.
    client.on('error', ignore)
    await client.connect()
    return client
  }

  pool(config: pg.PoolConfig = {}): pg.Pool {
    const pool = new pg.Pool(withOverrides(this.connectionString, config))
    this.#pools.add(pool)
    pool.on('error', ignore)
    pool.on('connect', (client) => client.on('error', ignore))
    return pool
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Not awaited: a pool waits for clients that nobody gives back. Dropping with FORCE ends those.
    for (const pool of this.#pools) if (!pool.ended && !pool.ending) void pool.end().catch(ignore)
    await Promise.all([...this.#clients].map((client) => client.end().catch(ignore)))
    await administer(this.#server, `drop database if exists ${this.name} with (force)`)
  }
}

/** `pg` lets the connection string win over `user` and `password`: overrides must be written into it. */
function withOverrides<Config extends pg.ClientConfig>(connectionString: string, config: Config): Config {
  const url = new URL(connectionString)
  const { user, password, ...rest } = config
  if (user !== undefined) url.username = encodeURIComponent(user)
  if (typeof password === 'string') url.password = encodeURIComponent(password)
  return { connectionString: url.href, ...rest } as Config
}

async function administer(server: string, statement: string): Promise<void> {
  const client = new pg.Client(server)
  client.on('error', ignore)
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}

function ignore(): void {}
