import { createServer, type ServerResponse } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { PassThrough } from 'node:stream'
import type { AnyTRPCRouter } from '@trpc/server'
import { createHTTPHandler } from '@trpc/server/adapters/standalone'
import { vi } from 'vitest'
import { liveSocket } from '../../src/server.js'
import { announce } from '../../src/protocol.js'
import { WAIT } from './recorder.js'

export interface RawEvent {
  readonly event?: string
  readonly data?: string
  readonly id?: string
}

/** A client over a bare socket, that shows in which pieces the server wrote. */
export class RawClient {
  readonly socket: Socket
  /** The chunks of the response's body, as text: one for each write. */
  readonly pieces: string[] = []
  /** The response's body, as bytes. */
  readonly body = new PassThrough()
  #buffer = Buffer.alloc(0)
  #isBody = false

  constructor(port: number, path: string, headers: Readonly<Record<string, string>> = {}) {
    const lines = Object.entries({ host: 'localhost', ...headers }).map(([name, value]) => `${name}: ${value}`)
    this.socket = connect(port, '127.0.0.1')
    this.socket.on('error', () => {})
    this.socket.on('data', (data: Buffer) => this.#read(data))
    this.socket.write(`GET ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`)
  }

  get text(): string {
    return this.pieces.join('')
  }

  /** The events that have arrived whole. */
  get events(): RawEvent[] {
    const blocks = this.text.split('\n\n').slice(0, -1)
    return blocks.map(parseEvent).filter((event) => Object.keys(event).length > 0)
  }

  /** Those of the subscription itself. */
  get messages(): RawEvent[] {
    return this.events.filter(({ event }) => event === undefined)
  }

  /** Those that came in one piece: past tRPC, which writes each in three. */
  get whole(): string[] {
    return this.pieces.filter((piece) => piece.startsWith('data: ') && piece.endsWith('\n\n'))
  }

  async until(condition: (client: this) => boolean): Promise<void> {
    await vi.waitFor(() => {
      if (!condition(this)) throw new Error(`still ${this.pieces.length} pieces, the last: ${this.pieces.at(-1)}`)
    }, WAIT)
  }

  #read(data: Buffer): void {
    this.#buffer = Buffer.concat([this.#buffer, data])
    if (!this.#isBody) {
      const end = this.#buffer.indexOf('\r\n\r\n')
      if (end < 0) return
      this.#isBody = true
      this.#buffer = this.#buffer.subarray(end + 4)
    }
    for (;;) {
      const start = this.#buffer.indexOf('\r\n') + 2
      const length = Number.parseInt(this.#buffer.toString('latin1', 0, start), 16)
      if (start < 2 || this.#buffer.length < start + length + 2) return
      const piece = this.#buffer.subarray(start, start + length)
      this.body.write(piece)
      this.pieces.push(piece.toString())
      this.#buffer = this.#buffer.subarray(start + length + 2)
    }
  }
}

function parseEvent(block: string): RawEvent {
  const lines = block.split('\n').filter((line) => line !== '')
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(': ')), line.slice(line.indexOf(': ') + 2)]),
  )
}

export interface RawServer extends AsyncDisposable {
  /** Subscribes; `link: false` as a client without `liveLink`, `isPast: false` through tRPC alone. */
  subscribe(path: string, options?: { link?: boolean; isPast?: boolean; headers?: Record<string, string> }): RawClient
  /** The responses so far, the oldest first. */
  readonly responses: readonly ServerResponse[]
}

/** Serves events; `onResponse` is called before tRPC sees the response, as middleware is. */
export async function serveRaw(
  router: AnyTRPCRouter,
  { transformer, onResponse }: RawServerOptions = {},
): Promise<RawServer> {
  const responses: ServerResponse[] = []
  const handle = createHTTPHandler({
    router,
    basePath: '/trpc/',
    createContext: ({ req, res }) => (req.headers['x-way'] === 'trpc' ? {} : liveSocket(res)) as never,
  })
  const server = createServer((request, response) => {
    responses.push(response)
    onResponse?.(response)
    handle(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const clients: RawClient[] = []
  return {
    responses,
    subscribe: (path, { link = true, isPast = true, headers = {} } = {}) => {
      const announced = announce(undefined, { transformer: transformer !== undefined, resume: undefined })
      const input = JSON.stringify(transformer ? transformer.serialize(announced) : announced)
      const query = link ? `?input=${encodeURIComponent(input)}` : ''
      const client = new RawClient(port, `/trpc/${path}${query}`, { ...headers, ...(!isPast && { 'x-way': 'trpc' }) })
      clients.push(client)
      return client
    },
    [Symbol.asyncDispose]: async () => {
      for (const { socket } of clients) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

export interface RawServerOptions {
  readonly transformer?: { serialize(value: unknown): unknown }
  readonly onResponse?: (response: ServerResponse) => void
}

/** Calls back in each write, when it has been done. */
export function onWrite(response: ServerResponse, callback: (text: string) => void): void {
  const write = response.write.bind(response) as (chunk: Uint8Array) => boolean
  response.write = ((chunk: Uint8Array) => {
    const hasRoom = write(chunk)
    callback(Buffer.from(chunk).toString())
    return hasRoom
  }) as typeof response.write
}
