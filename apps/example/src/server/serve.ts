import next from 'next'
import { createServer, type Server } from 'node:http'
import { fileURLToPath } from 'node:url'
import { db } from './database'
import { resetOrderStreams, stopOrderStreams } from './order-stream'
import { realtime } from './realtime'
import { serveWebSockets } from './websocket'

export interface ServeOptions {
  readonly port: number
  /** The address to listen on. The demo login believes everybody: only this machine, unless told otherwise. */
  readonly host?: string
  readonly dev?: boolean
}

export interface RunningApp {
  readonly url: string
  close(): Promise<void>
}

/** The whole app in one process: Next's pages and route handlers, the WebSocket server, and one engine for both. */
export async function serve({ port, host = '127.0.0.1', dev = false }: ServeOptions): Promise<RunningApp> {
  await resetOrderStreams()
  await realtime.start()
  const dir = fileURLToPath(new URL('../..', import.meta.url))
  const app = next({ dev, dir, hostname: host, port })
  await app.prepare()
  const handle = app.getRequestHandler()
  const server = createServer((request, response) => void handle(request, response))
  const closeWebSockets = serveWebSockets(server)
  await listen(server, port, host)
  return {
    url: `http://${host === '127.0.0.1' ? 'localhost' : host}:${port}`,
    close: async () => {
      stopOrderStreams()
      closeWebSockets()
      server.close()
      server.closeAllConnections()
      await realtime.stop()
      await app.close()
      await db.destroy()
    },
  }
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
}
