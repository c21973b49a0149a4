import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { Readable } from 'node:stream'
import { createWSClient, httpSubscriptionLink, wsLink, type TRPCLink } from '@trpc/client'
import type { AnyTRPCRouter } from '@trpc/server'
import { fetchRequestHandler } from '@trpc/server/adapters/fetch'
import { createHTTPHandler } from '@trpc/server/adapters/standalone'
import { applyWSSHandler } from '@trpc/server/adapters/ws'
import { EventSource } from 'eventsource'
import superjson from 'superjson'
import WebSocket, { WebSocketServer } from 'ws'
import { liveSocket } from '../../src/server.js'

// tRPC 11.0 compares with the global one's constants, whichever class it is given.
Reflect.set(globalThis, 'EventSource', EventSource)

/** `response` is what tRPC's adapter calls so: the socket for WebSockets. */
export type CreateContext = (options: { readonly request: unknown; readonly response: unknown }) => object

export interface ServeOptions {
  readonly router: AnyTRPCRouter
  readonly createContext?: CreateContext
  readonly onError?: (event: { readonly error: Error }) => void
}

export interface ClientConnection extends AsyncDisposable {
  readonly link: TRPCLink<AnyTRPCRouter>
}

export interface Served extends AsyncDisposable {
  /** A client of its own, with its own connection where the transport keeps one. */
  connect(): ClientConnection
  /** Cuts every connection, as a network does: clients are to come back by themselves. */
  cut(): void
  /** Asks every client to move to a new connection, as before a deployment. WebSockets only. */
  askToReconnect?(): void
  /** Ends the server and starts one with another router on the same port. */
  replace(options: ServeOptions): Promise<void>
  /** Open connections. */
  readonly connections: number
}

export interface Transport {
  readonly name: string
  serve(options: ServeOptions): Promise<Served>
}

interface Attached {
  askToReconnect(): void
}

type Attach = (server: Server, options: ServeOptions) => Attached | void

class HttpServed implements Served {
  readonly #attach: Attach
  readonly #connectTo: (port: number) => ClientConnection
  readonly #sockets = new Set<Socket>()
  #server: Server | undefined
  #attached: Attached | void = undefined
  #port = 0

  constructor(attach: Attach, connectTo: (port: number) => ClientConnection) {
    this.#attach = attach
    this.#connectTo = connectTo
  }

  get connections(): number {
    return this.#sockets.size
  }

  async listen(options: ServeOptions): Promise<this> {
    const server = createServer()
    server.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
    })
    this.#attached = this.#attach(server, options)
    await new Promise<void>((resolve) => server.listen(this.#port, '127.0.0.1', resolve))
    this.#server = server
    this.#port = (server.address() as AddressInfo).port
    return this
  }

  connect(): ClientConnection {
    return this.#connectTo(this.#port)
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  askToReconnect(): void {
    this.#attached?.askToReconnect()
  }

  async replace(options: ServeOptions): Promise<void> {
    await this[Symbol.asyncDispose]()
    await this.listen(options)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const server = this.#server
    this.#server = undefined
    const closed = new Promise<void>((resolve) => (server ? server.close(() => resolve()) : resolve()))
    this.cut()
    await closed
  }
}

/** EventSource waits seconds before it comes back, unless the stream begins with another time. */
const fetchWithQuickRetry = async (url: string | URL, init?: RequestInit): Promise<Response> => {
  const response = await fetch(url, init)
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>({
    start: (controller) => controller.enqueue(new TextEncoder().encode('retry: 20\n\n')),
  })
  // Fails when either end goes away, which is how these streams end.
  response.body?.pipeTo(writable).catch(() => {})
  return new Response(readable, { status: response.status, headers: response.headers })
}

function connectSse(port: number): ClientConnection {
  return {
    link: httpSubscriptionLink<AnyTRPCRouter, never>({
      url: `http://127.0.0.1:${port}/trpc`,
      EventSource: EventSource as never,
      eventSourceOptions: { fetch: fetchWithQuickRetry } as never,
      transformer: superjson,
    }),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

export const standalone: Transport = {
  name: 'SSE, standalone server',
  serve: (options) =>
    new HttpServed((server, { router, createContext, onError }) => {
      const handler = createHTTPHandler({
        router,
        basePath: '/trpc/',
        createContext: ({ req, res }) => (createContext?.({ request: req, response: res }) ?? {}) as never,
        onError: ({ error }) => onError?.({ error }),
      })
      server.on('request', handler)
    }, connectSse).listen(options),
}

/** The same with a context that carries the response, so that events go past tRPC's stream. */
export const standalonePast: Transport = {
  name: 'SSE, standalone server with liveSocket',
  serve: (options) =>
    standalone.serve({
      ...options,
      createContext: (call) => ({ ...options.createContext?.(call), ...liveSocket(call.response) }),
    }),
}

/** As Next.js calls a route handler: a Request whose signal aborts when the client is gone, and a Response whose body is read. */
export const fetchAdapter: Transport = {
  name: 'SSE, fetch adapter',
  serve: (options) =>
    new HttpServed((server, { router, createContext, onError }) => {
      server.on('request', (request, response) => {
        void respond(request, response, (incoming) =>
          fetchRequestHandler({
            endpoint: '/trpc',
            req: incoming,
            router,
            createContext: () => (createContext?.({ request: incoming, response: undefined }) ?? {}) as never,
            onError: ({ error }) => onError?.({ error }),
          }),
        )
      })
    }, connectSse).listen(options),
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  handle: (request: Request) => Promise<Response>,
): Promise<void> {
  const gone = new AbortController()
  response.on('close', () => gone.abort())
  const headers = Object.entries(request.headers).map(([name, value]): [string, string] => [name, String(value)])
  const answer = await handle(
    new Request(`http://127.0.0.1${request.url}`, { method: request.method!, headers, signal: gone.signal }),
  )
  response.writeHead(answer.status, Object.fromEntries(answer.headers))
  const body = Readable.fromWeb(answer.body as never)
  response.on('close', () => body.destroy())
  body.on('error', () => response.destroy())
  body.pipe(response)
}

export const websocket: Transport = {
  name: 'WebSocket',
  serve: (options) =>
    new HttpServed(
      (server, { router, createContext, onError }) => {
        const wss = new WebSocketServer({ server })
        const handler = applyWSSHandler({
          wss,
          router,
          createContext: ({ req, res }) => (createContext?.({ request: req, response: res }) ?? {}) as never,
          onError: ({ error }) => onError?.({ error }),
        })
        return { askToReconnect: () => handler.broadcastReconnectNotification() }
      },
      (port) => {
        const client = createWSClient({
          url: `ws://127.0.0.1:${port}`,
          WebSocket: WebSocket as never,
          retryDelayMs: () => 20,
        })
        return {
          link: wsLink<AnyTRPCRouter>({ client, transformer: superjson }),
          [Symbol.asyncDispose]: async () => {
            await client.close()
          },
        }
      },
    ).listen(options),
}

export const transports = [standalone, standalonePast, fetchAdapter, websocket]
