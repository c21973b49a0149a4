import { fetchRequestHandler } from '@trpc/server/adapters/fetch'
import { appRouter } from '@/server/router'
import { createContext, ORGANISATION_PARAM } from '@/server/trpc'

export const dynamic = 'force-dynamic'

/** Queries, mutations, and, where SSE is chosen, subscriptions: their connection parameters travel in the URL. */
function handler(request: Request): Promise<Response> {
  return fetchRequestHandler({
    endpoint: '/api/trpc',
    req: request,
    router: appRouter,
    createContext: ({ info }) =>
      createContext(
        info.connectionParams ?? { [ORGANISATION_PARAM]: request.headers.get(ORGANISATION_PARAM) ?? undefined },
      ),
  })
}

export { handler as GET, handler as POST }
