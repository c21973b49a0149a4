import type { Realtime, RealtimeOptions } from './live/contract.js'

export function createRealtime<DB>(options: RealtimeOptions<DB>): Realtime<DB> {
  throw new Error(`not built yet: ${String(options)}`)
}
