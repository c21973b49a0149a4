import { compareSnapshots } from '@pg-realtime/core/snapshot'
import { TRPCClientError, type Operation } from '@trpc/client'
import type { Observable, Observer } from '@trpc/server/observable'
import {
  announce,
  namesRows,
  withoutRows,
  type Message,
  type PatchMessage,
  type Resume,
  type RowsMessage,
} from '../protocol.js'
import { Attempt, type ClientError, type Envelope } from './attempt.js'
import type { Clock } from './clock.js'
import { isBadRequest, mayPass } from './link-errors.js'
import { nextStatus, type LinkEvent, type LiveLinkStatus, type LiveStatusEvent } from './link-status.js'
import { readEvent, type LiveEvent } from './live-event.js'
import { RowCache } from './row-cache.js'
import type { DataTransformer } from './transformer.js'

/** What all subscriptions of one link share. */
export interface LinkContext {
  readonly hasTransformer: boolean
  readonly transformer: DataTransformer
  readonly onStatus: (event: LiveStatusEvent) => void
  readonly retryDelayMs: (attempt: number) => number
  readonly clock: Clock
  /** Procedures whose schemas refuse an announcement. */
  readonly plainPaths: Set<string>
}

export interface SessionOptions {
  readonly subscription: number
  readonly op: Operation
  /** Sends the operation on to the links behind. */
  readonly connect: (op: Operation) => Observable<Envelope, ClientError>
  readonly observer: Observer<Envelope, ClientError>
}

/**
 * Keeps the ids of tries apart: over WebSocket, some versions of tRPC name the request after the operation, and what still
 * comes for the failed one would reach the next.
 */
const ATTEMPT = 2 ** 32

/**
 * One subscription of the application, over one or more of the links behind.
 *
 *   announced ──BAD_REQUEST before anything else──► plain (a schema that takes no announcement: rows as tRPC sends them)
 *       │ ▲
 *   5xx │ │ after a delay, with what it holds
 *       ▼ │
 *     waiting
 *
 * A patch or a status that does not fit what the client holds is no error: it asks again, for all rows.
 */
export class LinkSession {
  readonly #context: LinkContext
  readonly #options: SessionOptions
  readonly #cache: RowCache
  #isPlain: boolean
  /** Ends the present try. */
  #disconnect: () => void = () => {}
  #status: LiveLinkStatus = 'connecting'
  /** What the application holds; undefined before the first rows. */
  #held: Resume | undefined
  /** It is a live query that answers. */
  #isLive = false
  #isSingle = false
  #eventId: string | undefined
  #hasData = false
  #failures = 0
  #attempts = 0

  constructor(context: LinkContext, options: SessionOptions) {
    this.#context = context
    this.#options = options
    this.#cache = new RowCache(context.transformer)
    this.#isPlain = context.plainPaths.has(options.op.path)
  }

  start(): void {
    this.#report()
    this.#connect()
  }

  stop(): void {
    this.#enter({ kind: 'ended' })
    this.#disconnect()
  }

  #connect(): void {
    const { op, connect } = this.#options
    const { hasTransformer: transformer, clock } = this.#context
    const input = this.#isPlain ? op.input : announce(op.input, { transformer, resume: this.#eventId })
    const attempt = new Attempt(clock, {
      next: (envelope) => this.#next(envelope),
      error: (error) => this.#failed(error),
      complete: () => this.#complete(),
    })
    this.#disconnect = () => attempt.close()
    attempt.open(connect({ ...op, id: op.id + this.#attempts++ * ATTEMPT, input }))
  }

  #next(envelope: Envelope): void {
    const { result } = envelope
    if (result.type === 'state') {
      if (result.state === 'connecting') this.#enter({ kind: 'connection-lost' })
    } else if (result.type === 'data' || result.type === undefined) {
      return this.#data(envelope, result.data)
    }
    this.#options.observer.next(envelope)
  }

  #data(envelope: Envelope, data: unknown): void {
    const event = readEvent(data)
    // An application may send texts that look like a patch; a live query never begins with one.
    if (event && (this.#isLive || event.message.kind !== 'patch')) return this.#message(envelope, event)
    this.#hasData = true
    this.#forgetRows()
    if (this.#isPlain) this.#context.plainPaths.add(this.#options.op.path)
    this.#enter({ kind: 'data' })
    this.#options.observer.next(envelope)
  }

  /** Of what the application shows now, no id speaks. */
  #forgetRows(): void {
    if (!this.#held) return
    this.#eventId = withoutRows(this.#held)
    this.#held = undefined
  }

  #message(envelope: Envelope, event: LiveEvent): void {
    const { id, message, held } = event
    if (message.kind !== 'status' && this.#isOlder(event)) return
    if (!this.#fits(message, held)) return this.#resynchronize()
    this.#hasData = true
    this.#isLive = true
    this.#failures = 0
    if (message.kind !== 'status') {
      const rows = this.#rows(message)
      if (!rows) return
      this.#emit(envelope, rows)
    }
    if (namesRows(held)) this.#held = held
    this.#eventId = id
    this.#enter({ kind: 'told', status: message.status })
  }

  /** Undefined: the rows could not be read, and the subscription has ended or begun anew. */
  #rows(message: RowsMessage | PatchMessage): unknown[] | undefined {
    if (message.kind === 'patch') return this.#patch(message)
    try {
      this.#isSingle = message.single
      return this.#read(message)
    } catch (error) {
      this.#disconnect()
      this.#end(TRPCClientError.from(error as Error))
      return undefined
    }
  }

  #patch({ lines }: PatchMessage): unknown[] | undefined {
    try {
      return this.#cache.apply(lines)
    } catch {
      this.#resynchronize()
      return undefined
    }
  }

  #emit(envelope: Envelope, rows: readonly unknown[]): void {
    this.#options.observer.next({ ...envelope, result: { type: 'data', data: this.#isSingle ? rows[0] : rows } })
  }

  /** A frame of an earlier socket that was late; a server that knowingly sends older rows says that they are stale. */
  #isOlder({ message, held, isTracked }: LiveEvent): boolean {
    if (!isTracked || message.status === 'stale' || !this.#held || !held) return false
    return compareSnapshots(held.snapshot, this.#held.snapshot) === 'older'
  }

  /** Whether a message is about the rows that are held; where it is not, nothing of it may be believed. */
  #fits(message: Message, next: Resume | undefined): boolean {
    if (message.kind === 'rows') return true
    if (message.kind === 'patch') return this.#held?.state === `${next?.state.split('.')[0]}.${message.from}`
    return !namesRows(next) || (next.version === this.#held?.version && next.state === this.#held.state)
  }

  #resynchronize(): void {
    this.#disconnect()
    if (this.#held) this.#eventId = withoutRows(this.#held)
    this.#connect()
  }

  #read({ lines, count, probe }: RowsMessage): unknown[] {
    if (probe instanceof Date && !this.#context.hasTransformer) {
      throw new Error('The links have a transformer that liveLink() was not given: pass the same one to both.')
    }
    return this.#cache.read(lines, count)
  }

  #failed(error: ClientError): void {
    if (!this.#isPlain && !this.#hasData && isBadRequest(error)) return this.#beginPlain()
    if (this.#isLive && mayPass(error)) return this.#retry(error)
    this.#end(error)
  }

  #end(error: ClientError): void {
    this.#enter({ kind: 'ended' })
    this.#options.observer.error(error)
  }

  #beginPlain(): void {
    this.#isPlain = true
    this.#connect()
  }

  #retry(error: ClientError): void {
    const { clock, retryDelayMs } = this.#context
    const timer = clock.setTimeout(() => this.#connect(), retryDelayMs(this.#failures++))
    this.#disconnect = () => clock.clearTimeout(timer)
    // Who is told may leave.
    this.#options.observer.next({ result: { type: 'state', state: 'connecting', error } })
    this.#enter({ kind: 'connection-lost' })
  }

  #complete(): void {
    this.#enter({ kind: 'ended' })
    this.#options.observer.complete()
  }

  #enter(event: LinkEvent): void {
    const next = nextStatus(this.#status, event)
    if (next === this.#status) return
    this.#status = next
    this.#report()
  }

  #report(): void {
    const { subscription, op } = this.#options
    this.#context.onStatus({ subscription, path: op.path, input: op.input, status: this.#status })
  }
}
