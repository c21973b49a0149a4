/** One of the pooler's connections to PostgreSQL: logged in by `pg`, then used as a bare socket. */
import type { Socket } from 'node:net'
import pg from 'pg'
import { FrameReader, type Frame } from './frames.js'

/** What `pg` keeps to itself and the pooler needs: there is no public way to log in and get the socket. */
interface PgInternals {
  readonly connection: {
    readonly stream: Socket
    on(event: 'parameterStatus', listener: (status: Status) => void): void
  }
  readonly processID: number
  readonly secretKey: number
}

interface Status {
  readonly parameterName: string
  readonly parameterValue: string
}

export interface ServerConnectionEvents {
  frame(frame: Frame): void
  closed(): void
}

export class ServerConnection {
  readonly parameters: ReadonlyMap<string, string>
  readonly processId: number
  readonly secretKey: number
  readonly #socket: Socket
  /** Who gets what this connection says: whoever has it at the moment. */
  listener: ServerConnectionEvents | undefined

  private constructor(internals: PgInternals, parameters: ReadonlyMap<string, string>) {
    this.parameters = parameters
    this.processId = internals.processID
    this.secretKey = internals.secretKey
    this.#socket = internals.connection.stream
    for (const event of ['data', 'end', 'close', 'error']) this.#socket.removeAllListeners(event)
    const reader = new FrameReader({ untyped: false })
    this.#socket.on('data', (chunk: Buffer) => {
      for (const frame of reader.push(chunk)) this.listener?.frame(frame)
    })
    this.#socket.on('error', () => this.#socket.destroy())
    this.#socket.on('end', () => this.#socket.destroy())
    this.#socket.on('close', () => this.listener?.closed())
  }

  static async open(connectionString: string): Promise<ServerConnection> {
    const client = new pg.Client({ connectionString })
    const internals = client as unknown as PgInternals
    const parameters = new Map<string, string>()
    internals.connection.on('parameterStatus', (status) => parameters.set(status.parameterName, status.parameterValue))
    await client.connect()
    return new ServerConnection(internals, parameters)
  }

  send(bytes: Buffer): void {
    this.#socket.write(bytes)
  }

  destroy(): void {
    this.#socket.destroy()
  }
}
