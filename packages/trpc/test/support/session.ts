import { createTRPCClient, type TRPCClient, type TRPCLink } from '@trpc/client'
import superjson from 'superjson'
import { vi } from 'vitest'
import { liveLink, type LiveLinkStatus } from '../../src/client.js'
import type { FakeRealtime } from './fake-realtime.js'
import { WAIT } from './recorder.js'
import { createShop, type Context, type Shop, type ShopOptions, type ShopRouter } from './shop.js'
import type { Served, Transport } from './transports.js'

export interface SessionOptions extends ShopOptions {
  /** Whether the client has `liveLink`. */
  readonly link?: boolean
  readonly createContext?: (options: { readonly request: unknown; readonly response: unknown }) => Context
}

/** A server with a shop, and one client of it. */
export class Session implements AsyncDisposable {
  readonly client: TRPCClient<ShopRouter>
  /** What `liveLink` has told, each change once. */
  readonly statuses: LiveLinkStatus[] = []
  readonly served: Served
  readonly errors: Error[]
  readonly #connection: ReturnType<Served['connect']>

  constructor(served: Served, errors: Error[], hasLink: boolean) {
    this.served = served
    this.errors = errors
    this.#connection = served.connect()
    const link = liveLink<ShopRouter>({
      transformer: superjson,
      retryDelayMs: () => 20,
      onStatus: ({ status }) => this.statuses.push(status),
    })
    const last = this.#connection.link as TRPCLink<ShopRouter>
    this.client = createTRPCClient<ShopRouter>({ links: hasLink ? [link, last] : [last] })
  }

  get status(): LiveLinkStatus | undefined {
    return this.statuses.at(-1)
  }

  async untilStatus(status: LiveLinkStatus): Promise<void> {
    await vi.waitFor(() => {
      if (this.status !== status) throw new Error(`the status is ${this.status}`)
    }, WAIT)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection[Symbol.asyncDispose]()
    await this.served[Symbol.asyncDispose]()
  }
}

export async function openSession(
  transport: Transport,
  realtime: FakeRealtime<Shop>,
  { link = false, createContext, ...options }: SessionOptions = {},
): Promise<Session> {
  const errors: Error[] = []
  const served = await transport.serve({
    router: createShop(realtime, options),
    ...(createContext && { createContext }),
    onError: ({ error }) => errors.push(error),
  })
  return new Session(served, errors, link)
}

/** Waits until nothing is open any more. */
export async function untilFree(realtime: FakeRealtime<Shop>): Promise<void> {
  await vi.waitFor(() => {
    if (realtime.handles > 0) throw new Error(`${realtime.handles} handles are open`)
  }, WAIT)
}
