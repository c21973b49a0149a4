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

/** 1 sent all rows on each change. A client of another protocol is served plain rows. */
const PROTOCOL = 2

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
  /** Undefined: the client has no `liveLink`. It may be of another version, see `isCurrent`. */
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

/** How inputs are wrapped is the same in all protocols. */
function asAnnouncement(value: unknown): Announcement | undefined {
  if (!isPlainObject(value) || typeof value['protocol'] !== 'number' || !SHAPES.has(value['shape'])) return undefined
  return value as unknown as Announcement
}

const SHAPES: ReadonlySet<unknown> = new Set<InputShape>(['object', 'undefined', 'null', 'value'])

/** Whether a client reads what this server writes. */
export function isCurrent(announcement: Announcement | undefined): announcement is Announcement {
  return announcement?.protocol === PROTOCOL
}

/** What a client holds. */
export interface Resume {
  readonly version: string
  /** The snapshot that it has seen, shortened. */
  readonly snapshot: string
  /** `<epoch>.<number>`: which rows in which order, as the server that sent them counts; see `History`. */
  readonly state: string
}

/**
 * An event id says what the client holds once it has received the event. `nonce` keeps ids of one subscription apart
 * where that alone does not.
 */
export function formatEventId({ version, snapshot, state }: Resume, nonce = ''): string {
  return `${version}~${snapshot.replace(IDLE, '$1')}~${state}${nonce && `~${nonce}`}`
}

/** Without running transactions, which is most of the time, one number says all. */
const IDLE = /\b(\d+):\1:$/

export function parseEventId(id: string): Resume | undefined {
  const parts = id.split('~')
  const [version, snapshot, state] = parts
  if (!version || parts.length < 3 || parts.length > 4) return undefined
  return { version, snapshot: snapshot!.replace(/\.(\d+)$/, '.$1:$1:'), state: state! }
}

/** What a client sends that has seen a snapshot, and wants all rows. */
export function withoutRows({ snapshot }: Resume): string {
  return formatEventId({ version: NO_ROWS, snapshot, state: NO_ROWS })
}

/** Whether an event is about rows, or the server has none yet for a client that wants all of them. */
export function namesRows(held: Resume | undefined): held is Resume {
  return held !== undefined && held.version !== NO_ROWS
}

const NO_ROWS = '-'

/** Longer ones meet the limits of HTTP headers, in which browsers send an event's id back. */
const LONGEST_SNAPSHOT = 2_000
const SYSTEM_DIGITS = 4
let lastToken = ''
let lastShort = ''

/**
 * A snapshot token as it travels: its system by the last digits, which tell an application's databases apart. Compares as
 * tokens do, with others that were shortened.
 *
 * One with very many running transactions takes them for finished. It asks a server for more than the client has seen,
 * which may keep the client waiting for the bound, and never takes it backwards.
 */
export function shortSnapshot(token: string): string {
  // All who are told of one change ask for the same.
  if (token === lastToken) return lastShort
  const dot = token.indexOf('.')
  const short = token.slice(Math.max(0, dot - SYSTEM_DIGITS))
  lastToken = token
  lastShort = short.length > LONGEST_SNAPSHOT ? withoutRunning(short) : short
  return lastShort
}

function withoutRunning(token: string): string {
  const [before, xmax] = token.split(':')
  return `${before!.slice(0, before!.lastIndexOf('.'))}.${xmax}:${xmax}:`
}

/** What a live query's server knows about the rows that a client holds. */
export type ServerStatus = 'live' | 'stale'

interface MessageBase {
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

/**
 * What leads from the rows numbered `from` to those that the event id names: one `WirePatch` a line, serialised by the
 * transformer, or what superjson wraps behind `PLAIN` where it says nothing more about it.
 */
export interface PatchMessage extends MessageBase {
  readonly kind: 'patch'
  readonly from: number
  readonly lines: string
}

export type Message = RowsMessage | StatusMessage | PatchMessage

/**
 * The steps between two lists of rows; `from` is a position before, `to` one after. A missing key: no such steps. Applied
 * in this order: `r` and `m` take rows out, `m` and `i` put rows in, and then `u` and `s` change rows in their places.
 */
export interface WirePatch {
  /** Removed: `from`, … */
  readonly r?: readonly number[]
  /** Moved: `from, to`, … */
  readonly m?: readonly number[]
  /** Inserted: `to, row`, … */
  readonly i?: readonly unknown[]
  /** Updated: `to` and the columns that changed, … */
  readonly u?: readonly unknown[]
  /** Set, another value for a row: `to, row`, … */
  readonly s?: readonly unknown[]
}

export const PLAIN = '='

const PROBE = new Date(0)

export function rowsMessage(
  status: ServerStatus,
  content: { readonly count: number; readonly lines: string; readonly single: boolean },
): RowsMessage {
  return { [MARKER]: PROTOCOL, kind: 'rows', status, ...content, probe: PROBE }
}

/** The identical object for everyone, so that it is made into text once. */
export function statusMessage(status: ServerStatus): StatusMessage {
  return STATUS_MESSAGES[status]
}

const STATUS_MESSAGES: { readonly [Status in ServerStatus]: StatusMessage } = {
  live: { [MARKER]: PROTOCOL, kind: 'status', status: 'live' },
  stale: { [MARKER]: PROTOCOL, kind: 'status', status: 'stale' },
}

/** A text, so that no transformer walks through it for each subscriber: `~2`, `l` or `s`, the number, a bar, the lines. */
export function patchText(status: ServerStatus, from: number, lines: string): string {
  return `${PATCH_PREFIX}${status === 'live' ? 'l' : 's'}${from}|${lines}`
}

const PATCH_PREFIX = `~${PROTOCOL}`
const PATCH_TEXT = new RegExp(`^${PATCH_PREFIX}([ls])(\\d+)\\|`)

/** The message that a subscription sent, if it is one of ours. */
export function readMessage(value: unknown): Message | undefined {
  if (typeof value === 'string') return readPatch(value)
  return isPlainObject(value) && value[MARKER] === PROTOCOL ? (value as unknown as Message) : undefined
}

function readPatch(text: string): PatchMessage | undefined {
  const match = PATCH_TEXT.exec(text)
  if (!match) return undefined
  const [prefix, status, from] = match
  return {
    [MARKER]: PROTOCOL,
    kind: 'patch',
    status: status === 'l' ? 'live' : 'stale',
    from: Number(from),
    lines: text.slice(prefix.length),
  }
}

export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}
