import { createLive, liveProcedure, liveSocket } from '@pg-realtime/trpc/server'
import { initTRPC, TRPCError } from '@trpc/server'
import superjson from 'superjson'
import { db } from './database'
import { findOrganisation, type Organisation } from './organisations'
import { realtime } from './realtime'

/** The demo login: the client names the organisation that it wants to work in, and is believed. */
export const ORGANISATION_PARAM = 'demoOrganisation'

export interface Context {
  readonly organisation: Organisation | undefined
}

/**
 * DEMO LOGIN: replace this function. A real app verifies a session here, and takes the organisation from it. The rest
 * of the server relies on `ctx.organisation` alone, and row level security on what the scope below makes of it.
 */
export async function createContext(
  params: Readonly<Record<string, string | undefined>> | null,
  response?: unknown,
): Promise<Context> {
  const slug = params?.[ORGANISATION_PARAM]
  const organisation = slug === undefined ? undefined : await findOrganisation(slug)
  // The socket tells the adapter when a client reads more slowly than rows change.
  return { organisation, ...liveSocket(response) }
}

const t = initTRPC.context<Context>().create({
  transformer: superjson,
  sse: { ping: { enabled: true, intervalMs: 5_000 }, client: { reconnectAfterInactivityMs: 15_000 } },
})

export const router = t.router

/** A procedure of a signed-in member: `ctx.organisation` is known. */
export const memberProcedure = liveProcedure(t.procedure).use(({ ctx, next }) => {
  const { organisation } = ctx
  if (organisation === undefined)
    throw new TRPCError({ code: 'UNAUTHORIZED', message: 'Choose an organisation first.' })
  return next({ ctx: { organisation, orgId: organisation.id, db } })
})

export const live = createLive(realtime, { transformer: superjson })

/** What every live query of the app runs as: the policies of schema.sql see this role and this setting. */
export function inOrganisation({ ctx }: { ctx: { orgId: number } }) {
  return { scope: { role: 'app_member', settings: { 'app.org_id': String(ctx.orgId) } } }
}
