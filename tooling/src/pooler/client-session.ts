/**
 * One client of the pooler. It has a server connection only from the first message of a transaction until the server
 * reports that it is idle again:
 *
 *     unassigned ── message ──► waiting ── connection free ──► assigned ── ReadyForQuery 'I', nothing pending ──► unassigned
 */
import type { Socket } from 'node:net'
import { type Frame, FrameReader, message } from './frames.js'
import type { ServerConnection } from './server-connection.js'

export interface PoolerContext {
  /** Parameters that the server reports at login, to pass on. */
  readonly parameters: ReadonlyMap<string, string>
  acquire(): Promise<ServerConnection>
  release(connection: ServerConnection): void
  discard(connection: ServerConnection): void
  cancel(processId: number, secretKey: number): void
}

const requests = { ssl: 80877103, gss: 80877104, cancel: 80877102 }
/** Extended protocol: these belong to a unit that only a later Sync ends. */
const awaitSync = new Set(['P', 'B', 'D', 'E', 'C', 'H'])
/** Each of these is answered by one ReadyForQuery. */
const answered = new Set(['Q', 'S', 'F'])

export class ClientSession {
  readonly #socket: Socket
  readonly #context: PoolerContext
  readonly #reader = new FrameReader({ untyped: true })
  readonly #key: { readonly processId: number; readonly secretKey: number }
  #server: ServerConnection | undefined
  #queue: Frame[] = []
  #acquiring = false
  #pending = 0
  #unsynced = false

  constructor(socket: Socket, context: PoolerContext, key: { processId: number; secretKey: number }) {
    this.#socket = socket
    this.#context = context
    this.#key = key
    socket.on('data', (chunk: Buffer) => {
      for (const frame of this.#reader.push(chunk)) this.#fromClient(frame)
    })
    socket.on('error', () => socket.destroy())
    socket.on('close', () => this.#left())
  }

  get server(): ServerConnection | undefined {
    return this.#server
  }

  #fromClient(frame: Frame): void {
    if (frame.type === '') return this.#opening(frame.body)
    if (frame.type === 'X') return void this.#socket.end()
    this.#queue.push(frame)
    if (this.#server !== undefined) this.#forward()
    else if (!this.#acquiring) void this.#assign()
  }

  #opening(body: Buffer): void {
    const code = body.readInt32BE(0)
    if (code === requests.ssl || code === requests.gss) return void this.#socket.write('N')
    if (code === requests.cancel) {
      this.#context.cancel(body.readInt32BE(4), body.readInt32BE(8))
      return void this.#socket.end()
    }
    this.#reader.untyped = false
    const parameters = [...this.#context.parameters].map(([name, value]) => message('S', name, value))
    const key = message('K', this.#key.processId, this.#key.secretKey)
    this.#socket.write(Buffer.concat([message('R', 0), ...parameters, key, message('Z', Buffer.from('I'))]))
  }

  async #assign(): Promise<void> {
    this.#acquiring = true
    const server = await this.#context.acquire().catch(() => undefined)
    this.#acquiring = false
    if (server === undefined) return void this.#socket.destroy()
    if (this.#socket.destroyed) return this.#context.release(server)
    this.#server = server
    server.listener = { frame: (frame) => this.#fromServer(frame), closed: () => this.#socket.destroy() }
    this.#forward()
  }

  #forward(): void {
    for (const frame of this.#queue) {
      if (answered.has(frame.type)) this.#pending++
      if (awaitSync.has(frame.type)) this.#unsynced = true
      if (frame.type === 'S') this.#unsynced = false
      this.#server?.send(frame.bytes)
    }
    this.#queue = []
  }

  #fromServer(frame: Frame): void {
    this.#socket.write(frame.bytes)
    if (frame.type !== 'Z') return
    this.#pending--
    const idle = String.fromCharCode(frame.body[0]!) === 'I'
    if (!idle || this.#pending > 0 || this.#unsynced || this.#server === undefined) return
    this.#context.release(this.#server)
    this.#server = undefined
  }

  /** A client that leaves in the middle of a transaction leaves a connection behind that nobody else may get. */
  #left(): void {
    if (this.#server !== undefined) this.#context.discard(this.#server)
    this.#server = undefined
  }
}
