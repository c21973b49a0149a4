import { isPlainObject, parseEventId, readMessage, type Message, type Resume } from '../protocol.js'

export interface LiveEvent {
  readonly id: string
  readonly message: Message
  /** What the client holds once it has taken the message in; undefined: no rows yet. */
  readonly held: Resume | undefined
  /** Whether tRPC knows the id, and sends it back after a reconnect. */
  readonly isTracked: boolean
}

/** What a live query sent. Where a server has two copies of tRPC, one does not know a tracked event of the other. */
export function readEvent(data: unknown): LiveEvent | undefined {
  const [id, value, isTracked] = Array.isArray(data)
    ? ([data[0], data[1], false] as const)
    : isPlainObject(data)
      ? ([data['id'], data['data'], true] as const)
      : []
  const message = readMessage(value)
  return message && { id: String(id), message, held: parseEventId(String(id)), isTracked: isTracked === true }
}
