import { applyWSSHandler } from '@trpc/server/adapters/ws'
import type { IncomingMessage, Server } from 'node:http'
import { WebSocketServer } from 'ws'
import { appRouter } from './router'
import { createContext } from './trpc'

/** No page of the app lives here, so Next leaves the upgrade alone. */
export const WEBSOCKET_PATH = '/api/ws'

/** Serves tRPC over WebSocket on Next's own HTTP server. Returns what ends every connection. */
export function serveWebSockets(server: Server): () => void {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: 256 * 1024 })
  const handler = applyWSSHandler({
    wss: sockets,
    router: appRouter,
    createContext: ({ info, res }) => createContext(info.connectionParams, res),
    keepAlive: { enabled: true, pingMs: 15_000, pongWaitMs: 5_000 },
  })
  server.on('upgrade', (request, socket, head) => {
    if (new URL(request.url ?? '/', 'http://localhost').pathname !== WEBSOCKET_PATH) return
    if (!isSameOrigin(request)) {
      socket.end('HTTP/1.1 403 Forbidden\r\n\r\n')
      return
    }
    sockets.handleUpgrade(request, socket, head, (client) => sockets.emit('connection', client, request))
  })
  return () => {
    handler.broadcastReconnectNotification()
    for (const client of sockets.clients) client.terminate()
    sockets.close()
  }
}

/** Browsers let any page open a WebSocket to any host, and name the page in Origin: only our own may. */
function isSameOrigin({ headers }: IncomingMessage): boolean {
  if (headers.origin === undefined) return true
  return URL.canParse(headers.origin) && new URL(headers.origin).host === headers.host
}
