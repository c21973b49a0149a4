import { isMessage, isPlainObject, type Message } from '../protocol.js'

export interface LiveEvent {
  readonly id: string
  readonly message: Message
  /** Whether tRPC knows the id, and sends it back after a reconnect. */
  readonly isTracked: boolean
}

/** What a live query sent. Where a server has two copies of tRPC, one does not know a tracked event of the other. */
export function readEvent(data: unknown): LiveEvent | undefined {
  const [id, message, isTracked] = Array.isArray(data)
    ? ([data[0], data[1], false] as const)
    : isPlainObject(data)
      ? ([data['id'], data['data'], true] as const)
      : []
  return isMessage(message) ? { id: String(id), message, isTracked: isTracked === true } : undefined
}
