/**
 * What `liveLink` and `createLive` say to each other. Both sides import this file, and it runs in browsers.
 *
 *   client ──► input with an announcement under MARKER   ──► server
 *   client ◄── tracked(event id, message), message by message ◄── server
 *   client ──► lastEventId (after a reconnect, by tRPC)  ──► server
 *
 * A client that does not announce itself is sent plain rows without event ids, so that tRPC never puts a `lastEventId`
 * into an input whose schema does not know it.
 */

/** The key in a subscription's input under which `liveLink` announces itself. */
export const MARKER = '~live'

const PROTOCOL = 1

/** How the announcement was put into the input, and so how the input that the application gave is got back. */
type InputShape = 'object' | 'undefined' | 'null' | 'value'

export interface Announcement {
  readonly protocol: number
  /** Whether rows are to be read with a data transformer. */
  readonly transformer: boolean
  readonly shape: InputShape
  /** The input itself where it is neither a plain object nor nullish. */
  readonly value?: unknown
  /** The event id of what the client holds, when the link subscribes again by itself. */
  readonly resume?: string
}

export interface AnnounceOptions {
  readonly transformer: boolean
  readonly resume: string | undefined
}

/** The input as `liveLink` sends it. */
export function announce(input: unknown, { transformer, resume }: AnnounceOptions): Record<string, unknown> {
  const shape = shapeOf(input)
  const announcement: Announcement = {
    protocol: PROTOCOL,
    transformer,
    shape,
    ...(shape === 'value' && { value: input }),
    ...(resume !== undefined && { resume }),
  }
  return { ...(shape === 'object' && (input as object)), [MARKER]: announcement }
}

function shapeOf(input: unknown): InputShape {
  if (input === undefined) return 'undefined'
  if (input === null) return 'null'
  // tRPC overwrites an input's own `lastEventId` on reconnects, so such an input travels inside the announcement.
  return isPlainObject(input) && !('lastEventId' in input || MARKER in input) ? 'object' : 'value'
}

export interface ReceivedInput {
  /** Undefined: the client has no `liveLink`. */
  readonly announcement: Announcement | undefined
  /** The input as the application gave it. */
  readonly input: unknown
  /** What the client holds already. */
  readonly resume: Resume | undefined
}

/** Takes the announcement, and the `lastEventId` that tRPC adds after a reconnect, out of an input. */
export function receive(input: unknown): ReceivedInput {
  const announcement = isPlainObject(input) ? asAnnouncement(input[MARKER]) : undefined
  if (!announcement) return { announcement: undefined, input, resume: undefined }
  const { [MARKER]: _, lastEventId, ...own } = input as Record<string, unknown>
  const eventId = typeof lastEventId === 'string' ? lastEventId : announcement.resume
  return {
    announcement,
    input: inputOf(announcement, own),
    resume: eventId === undefined ? undefined : parseEventId(eventId),
  }
}

function inputOf(announcement: Announcement, own: Record<string, unknown>): unknown {
  switch (announcement.shape) {
    case 'undefined':
      return undefined
    case 'null':
      return null
    case 'value':
      return announcement.value
    case 'object':
      return own
  }
}

function asAnnouncement(value: unknown): Announcement | undefined {
  if (!isPlainObject(value) || value['protocol'] !== PROTOCOL) return undefined
  return value as unknown as Announcement
}

/** What a client holds: the version of its rows, and the snapshot that it has seen. */
export interface Resume {
  readonly version: string
  readonly snapshot: string
}

/** Longer ones meet the limits of HTTP headers, in which browsers send an event's id back. */
const LONGEST_SNAPSHOT = 2_000

/**
 * An event id says what the client holds once it has received the event. `nonce` keeps the ids of one subscription
 * apart: tRPC drops an event whose id it has seen.
 */
export function formatEventId({ version, snapshot }: Resume, nonce: string): string {
  return [version, snapshot.length > LONGEST_SNAPSHOT ? withoutRunning(snapshot) : snapshot, nonce].join('~')
}

export function parseEventId(id: string): Resume | undefined {
  const parts = id.split('~')
  const [version, snapshot] = parts
  return parts.length === 3 && version ? { version, snapshot: snapshot! } : undefined
}

/**
 * The token with its running transactions taken for finished. It asks a server for more than the client has seen, which
 * may keep the client waiting for the bound, and never takes it backwards.
 */
function withoutRunning(token: string): string {
  const [before, xmax] = token.split(':')
  return `${before!.slice(0, before!.lastIndexOf('.'))}.${xmax}:${xmax}:`
}

/** What a live query's server knows about the rows that a client holds. */
export type ServerStatus = 'live' | 'stale'

interface MessageBase extends Resume {
  readonly '~live': typeof PROTOCOL
  readonly status: ServerStatus
}

/** All rows, one line of text each: a client parses only the lines that it does not hold already. */
export interface RowsMessage extends MessageBase {
  readonly kind: 'rows'
  readonly count: number
  readonly lines: string
  /** The client is to hand on the first row, or undefined, in place of a list. */
  readonly single: boolean
  /** Arrives as a Date only if tRPC's own transformer keeps dates: tells a link that was not given the transformer. */
  readonly probe: Date
}

/** The client's rows are as they were; its status may not be. */
export interface StatusMessage extends MessageBase {
  readonly kind: 'status'
}

export type Message = RowsMessage | StatusMessage

const PROBE = new Date(0)

export function rowsMessage(
  held: Resume,
  status: ServerStatus,
  content: { readonly count: number; readonly lines: string; readonly single: boolean },
): RowsMessage {
  return { [MARKER]: PROTOCOL, kind: 'rows', ...held, status, ...content, probe: PROBE }
}

export function statusMessage(held: Resume, status: ServerStatus): StatusMessage {
  return { [MARKER]: PROTOCOL, kind: 'status', ...held, status }
}

export function isMessage(value: unknown): value is Message {
  return isPlainObject(value) && value[MARKER] === PROTOCOL
}

export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}
