/**
 * A TCP proxy that can fail as networks do.
 *
 *            cut()                    blackhole()
 *     passing ───► refusing    passing ───► silent       restore(): back to passing from either
 *
 * Refusing: open connections are reset, new ones too as soon as they are made. The port stays ours meanwhile, so
 * `restore` cannot find it taken. Silent: nothing arrives on either side and nobody is told; as in TCP, what was sent
 * meanwhile arrives after `restore` if both ends still keep the connection.
 */
import { once } from 'node:events'
import { type Socket, connect, createServer } from 'node:net'

export interface TcpProxy {
  /** Of the proxy, on 127.0.0.1. */
  readonly port: number
  /** How many connections are open through the proxy. */
  readonly connections: number
  /** `connectionString` with the proxy in place of its host and port. */
  through(connectionString: string): string
  cut(): void
  blackhole(): void
  restore(): void
  /** Resets the connections that are open now. New ones pass. */
  killConnections(): void
  [Symbol.asyncDispose](): Promise<void>
}

export interface TcpProxyTarget {
  readonly host: string
  readonly port: number
}

export async function createTcpProxy(target: TcpProxyTarget): Promise<TcpProxy> {
  const links = new Set<Link>()
  let mode: 'passing' | 'refusing' | 'silent' = 'passing'

  const server = createServer((client) => {
    if (mode === 'refusing') return void client.resetAndDestroy()
    const link = new Link(client, target, () => links.delete(link))
    links.add(link)
    if (mode === 'passing') link.pass()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }

  const killConnections = (): void => {
    for (const link of links) link.reset()
  }
  return {
    port,
    get connections() {
      return links.size
    },
    through: (connectionString) => withAddress(connectionString, port),
    cut: () => {
      mode = 'refusing'
      killConnections()
    },
    blackhole: () => {
      mode = 'silent'
      for (const link of links) link.hold()
    },
    restore: () => {
      mode = 'passing'
      for (const link of links) link.pass()
    },
    killConnections,
    [Symbol.asyncDispose]: async () => {
      killConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

/** A client's connection and, from the first moment on that traffic passes, the one to the target. */
class Link {
  readonly #client: Socket
  readonly #target: TcpProxyTarget
  readonly #ended: () => void
  #upstream: Socket | undefined

  constructor(client: Socket, target: TcpProxyTarget, ended: () => void) {
    this.#client = client
    this.#target = target
    this.#ended = ended
    client.setNoDelay(true).pause()
    this.#endWith(client)
  }

  pass(): void {
    this.#upstream ??= this.#connect()
    this.#client.pipe(this.#upstream)
    this.#upstream.pipe(this.#client)
  }

  hold(): void {
    for (const socket of [this.#client, this.#upstream]) socket?.unpipe().pause()
  }

  reset(): void {
    for (const socket of [this.#client, this.#upstream]) socket?.resetAndDestroy()
    this.#ended()
  }

  #connect(): Socket {
    const upstream = connect(this.#target).setNoDelay(true)
    this.#endWith(upstream)
    return upstream
  }

  #endWith(socket: Socket): void {
    socket.on('error', () => this.reset())
    socket.on('close', () => this.reset())
  }
}

function withAddress(connectionString: string, port: number): string {
  const url = new URL(connectionString)
  url.hostname = '127.0.0.1'
  url.port = String(port)
  return url.href
}
