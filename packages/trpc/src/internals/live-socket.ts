/** Where the events of a subscription go in the end, carried through tRPC's context. */
const SOCKET = Symbol.for('pg-realtime.trpc.socket')

/** The part of a `ws` socket that matters. */
export interface BufferedSocket {
  readonly bufferedAmount: number
  readonly readyState: number
}

/** The part of a Node response that matters, be it of HTTP/1 or HTTP/2. */
export interface EventResponse {
  write(chunk: string | Uint8Array, ...rest: unknown[]): boolean
  /** Sends what a compressing middleware holds back. */
  flush?(): void
  on(event: 'drain', listener: () => void): unknown
  off(event: 'drain', listener: () => void): unknown
  readonly writableEnded: boolean
  readonly destroyed?: boolean
}

/**
 * What to spread into tRPC's context, so that a crowd of clients costs little, and slow ones are not sent more than they
 * read:
 *
 * @example
 * ```ts
 * const createContext = ({ req, res }: CreateWSSContextFnOptions) => ({ user: userOf(req), ...liveSocket(res) })
 * ```
 * Takes the socket of a WebSocket, and Node's response for server-sent events: behind the first event, clients with
 * `liveLink` are then written to without the detour through tRPC's streams. Anything else adds nothing, so one
 * `createContext` serves every transport.
 */
export function liveSocket(response: unknown): object {
  return isSocket(response) || isResponse(response) ? { [SOCKET]: response } : {}
}

export function socketOf(context: unknown): BufferedSocket | undefined {
  const carried = carriedBy(context)
  return isSocket(carried) ? carried : undefined
}

export function responseOf(context: unknown): EventResponse | undefined {
  const carried = carriedBy(context)
  return isResponse(carried) ? carried : undefined
}

function carriedBy(context: unknown): unknown {
  return (context as { [SOCKET]?: unknown } | undefined)?.[SOCKET]
}

function isSocket(value: unknown): value is BufferedSocket {
  return typeof (value as Partial<BufferedSocket> | undefined | null)?.bufferedAmount === 'number'
}

function isResponse(value: unknown): value is EventResponse {
  const { write, on, writableEnded } = (value ?? {}) as Partial<EventResponse>
  return typeof write === 'function' && typeof on === 'function' && typeof writableEnded === 'boolean'
}
