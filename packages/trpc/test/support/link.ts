import { createTRPCClient } from '@trpc/client'
import type { AnyTRPCRouter } from '@trpc/server'
import superjson from 'superjson'
import type { LiveStatusEvent } from '../../src/internals/link-status.js'
import { liveLink, type LiveLinkOptions } from '../../src/internals/live-link.js'
import { token } from './fake-realtime.js'
import { ManualClock } from './manual-clock.js'
import { Recorder } from './recorder.js'
import { ScriptedLink } from './scripted-link.js'

interface AnySubscription {
  subscribe(input: unknown, callbacks: object): { unsubscribe(): void }
}

/** A client with `liveLink`, and a server whose answers the test gives. */
export function setupLink(options: Partial<LiveLinkOptions> = {}) {
  const server = new ScriptedLink()
  const clock = new ManualClock()
  const events: LiveStatusEvent[] = []
  const client = createTRPCClient<AnyTRPCRouter>({
    links: [
      liveLink<AnyTRPCRouter>({
        transformer: superjson,
        clock,
        retryDelayMs: (attempt) => 1_000 * (attempt + 1),
        onStatus: (event) => events.push(event),
        ...options,
      }),
      server.link,
    ],
  }) as unknown as Record<string, AnySubscription>
  const subscribe = (path = 'orders', input?: unknown) =>
    new Recorder<unknown>((callbacks) => client[path]!.subscribe(input, callbacks))
  const statuses = () => events.map(({ status }) => status)
  return { server, clock, events, statuses, subscribe }
}

export const v1 = { version: 'v1', snapshot: token(10), state: 'e.1' }
export const v2 = { version: 'v2', snapshot: token(20), state: 'e.2' }
export const v3 = { version: 'v3', snapshot: token(30), state: 'e.3' }
export const rows = [{ id: 1 }, { id: 2 }]
