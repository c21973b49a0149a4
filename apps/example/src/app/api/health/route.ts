import { realtime } from '@/server/realtime'

export const dynamic = 'force-dynamic'

/** For monitoring, and for tests: what the engine of this process is doing. */
export function GET(): Response {
  return Response.json({ status: realtime.status, liveQueries: realtime.size, pid: process.pid })
}
