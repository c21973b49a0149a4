import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createWSClient, httpSubscriptionLink, wsLink, type TRPCLink } from '@trpc/client'
import type { AnyTRPCRouter } from '@trpc/server'
import { createHTTPHandler } from '@trpc/server/adapters/standalone'
import { applyWSSHandler } from '@trpc/server/adapters/ws'
import { EventSource } from 'eventsource'
import WebSocket, { WebSocketServer } from 'ws'

export type Transport = 'WebSocket' | 'SSE'

export type CreateContext = (call: { readonly req: IncomingMessage; readonly res: unknown }) => object

export interface ServedRouter {
  readonly port: number
  /** A client with a connection of its own; over SSE, each subscription has one. */
  connect(): { readonly link: TRPCLink<AnyTRPCRouter>; close(): Promise<void> }
  close(): Promise<void>
}

/** tRPC's own servers on a free port, without a transformer. */
export async function serve(
  transport: Transport,
  router: AnyTRPCRouter,
  createContext: CreateContext = () => ({}),
): Promise<ServedRouter> {
  const server = createServer()
  const context = (call: { req: IncomingMessage; res: unknown }): never => createContext(call) as never
  if (transport === 'WebSocket') {
    applyWSSHandler({ wss: new WebSocketServer({ server }), router, createContext: context })
  } else {
    server.on('request', createHTTPHandler({ router, basePath: '/trpc/', createContext: context }))
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    port,
    connect: () => (transport === 'WebSocket' ? connectSocket(port) : connectEvents(port)),
    close: () => closeServer(server),
  }
}

function connectSocket(port: number): ReturnType<ServedRouter['connect']> {
  const client = createWSClient({ url: `ws://127.0.0.1:${port}`, WebSocket: WebSocket as never })
  return { link: wsLink<AnyTRPCRouter>({ client }), close: () => client.close() }
}

function connectEvents(port: number): ReturnType<ServedRouter['connect']> {
  return {
    link: httpSubscriptionLink<AnyTRPCRouter, never>({
      url: `http://127.0.0.1:${port}/trpc`,
      EventSource: EventSource as never,
    }),
    close: () => Promise.resolve(),
  }
}

async function closeServer(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  server.closeAllConnections()
  await closed
}
