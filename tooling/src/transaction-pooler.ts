/**
 * A small pooler in transaction mode, for tests of what such a pooler takes away: session state. A client gets another
 * server connection for each transaction, so `LISTEN` succeeds and nothing is ever heard; session settings, advisory
 * locks, temporary tables, and named prepared statements end up with whoever comes next. It logs in with the given
 * connection string and trusts its own clients, whatever user and database they name.
 */
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { type Socket, connect, createServer } from 'node:net'
import { ClientSession } from './pooler/client-session.js'
import { ServerConnection } from './pooler/server-connection.js'

export interface TransactionPooler {
  readonly port: number
  /** Of the same database, through the pooler. */
  readonly connectionString: string
  [Symbol.asyncDispose](): Promise<void>
}

export interface TransactionPoolerOptions {
  readonly connectionString: string
  /** Server connections. Default 2. */
  readonly size?: number
}

export async function createTransactionPooler(options: TransactionPoolerOptions): Promise<TransactionPooler> {
  const connections = new ConnectionPool(options.connectionString, options.size ?? 2)
  await connections.fill()
  const sessions = new Map<number, { readonly secretKey: number; readonly session: ClientSession }>()
  const sockets = new Set<Socket>()
  let processId = 0

  const cancel = (id: number, secretKey: number): void => {
    const found = sessions.get(id)
    const server = found?.secretKey === secretKey ? found.session.server : undefined
    if (server !== undefined) cancelOn(options.connectionString, server)
  }
  const listener = createServer((socket) => {
    const key = { processId: ++processId, secretKey: randomInt(2 ** 31) }
    const context = {
      parameters: connections.parameters,
      acquire: () => connections.acquire(),
      release: (connection: ServerConnection) => connections.release(connection),
      discard: (connection: ServerConnection) => connections.discard(connection),
      cancel,
    }
    sessions.set(key.processId, { secretKey: key.secretKey, session: new ClientSession(socket, context, key) })
    sockets.add(socket)
    socket.on('close', () => {
      sockets.delete(socket)
      sessions.delete(key.processId)
    })
  }).listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = listener.address() as { port: number }

  const url = new URL(options.connectionString)
  url.hostname = '127.0.0.1'
  url.port = String(port)
  return {
    port,
    connectionString: url.href,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      connections.close()
      listener.close()
      await once(listener, 'close')
    },
  }
}

/** Idle connections are handed out oldest first, so that a client seldom meets the same one twice. */
class ConnectionPool {
  parameters: ReadonlyMap<string, string> = new Map()
  readonly #connectionString: string
  readonly #size: number
  readonly #all = new Set<ServerConnection>()
  readonly #idle: ServerConnection[] = []
  readonly #waiting: ((connection: ServerConnection) => void)[] = []
  #opening = 0

  constructor(connectionString: string, size: number) {
    this.#connectionString = connectionString
    this.#size = size
  }

  async fill(): Promise<void> {
    while (this.#all.size < this.#size) this.release(await this.#open())
  }

  async acquire(): Promise<ServerConnection> {
    const idle = this.#idle.shift()
    if (idle !== undefined) return idle
    if (this.#all.size + this.#opening < this.#size) return this.#open()
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  release(connection: ServerConnection): void {
    // Nobody has it: what it says from now on, notifications above all, reaches nobody.
    connection.listener = { frame: () => undefined, closed: () => this.discard(connection) }
    const next = this.#waiting.shift()
    if (next === undefined) this.#idle.push(connection)
    else next(connection)
  }

  discard(connection: ServerConnection): void {
    connection.listener = undefined
    connection.destroy()
    this.#all.delete(connection)
    const index = this.#idle.indexOf(connection)
    if (index >= 0) this.#idle.splice(index, 1)
    if (this.#waiting.length > 0)
      void this.#open().then(
        (fresh) => this.release(fresh),
        () => undefined,
      )
  }

  close(): void {
    for (const connection of this.#all) this.discard(connection)
  }

  async #open(): Promise<ServerConnection> {
    this.#opening++
    try {
      const connection = await ServerConnection.open(this.#connectionString)
      this.#all.add(connection)
      this.parameters = connection.parameters
      return connection
    } finally {
      this.#opening--
    }
  }
}

function cancelOn(connectionString: string, server: ServerConnection): void {
  const request = Buffer.alloc(16)
  for (const [index, value] of [16, 80877102, server.processId, server.secretKey].entries()) {
    request.writeInt32BE(value, index * 4)
  }
  const url = new URL(connectionString)
  const socket = connect({ host: url.hostname, port: Number(url.port || 5432) })
  socket.on('error', () => undefined).end(request)
}
