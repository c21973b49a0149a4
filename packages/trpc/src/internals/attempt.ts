import type { OperationResultEnvelope, TRPCClientError } from '@trpc/client'
import type { AnyTRPCRouter } from '@trpc/server'
import type { Observable, Observer, Unsubscribable } from '@trpc/server/observable'
import type { Clock } from './clock.js'

export type ClientError = TRPCClientError<AnyTRPCRouter>
export type Envelope = OperationResultEnvelope<unknown, ClientError>

/** How long a stop is held back at most. */
const LONGEST_WAIT_MS = 10_000

/**
 * One subscription to the link behind.
 *
 * Older tRPC servers lose a stop that arrives while their middleware still runs, and then serve the subscription until
 * the socket closes. So a stop that comes early is kept until the server has said that it started.
 */
export class Attempt {
  readonly #observer: Observer<Envelope, ClientError>
  readonly #clock: Clock
  #inner: Unsubscribable | undefined
  #hasStarted = false
  #isOffline = false
  /** The application has left. */
  #isClosed = false
  /** Nothing will come any more. */
  #isOver = false
  #timer: unknown

  constructor(clock: Clock, observer: Observer<Envelope, ClientError>) {
    this.#observer = observer
    this.#clock = clock
  }

  /** Links may call back before they return. */
  open(source: Observable<Envelope, ClientError>): void {
    const inner = source.subscribe({
      next: (envelope) => this.#next(envelope),
      error: (error) => this.#finish(() => this.#observer.error(error)),
      complete: () => this.#finish(() => this.#observer.complete()),
    })
    this.#inner = inner
    if (this.#isOver) inner.unsubscribe()
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    if (this.#hasStarted || this.#isOffline) this.#unsubscribe()
    else this.#timer = this.#clock.setTimeout(() => this.#unsubscribe(), LONGEST_WAIT_MS)
  }

  #next(envelope: Envelope): void {
    const { result } = envelope
    if (result.type === 'state') this.#isOffline = result.state === 'connecting' && result.error !== null
    else this.#hasStarted = true
    if (!this.#isClosed) return this.#observer.next(envelope)
    if (this.#hasStarted || this.#isOffline) this.#unsubscribe()
  }

  #finish(tell: () => void): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#clock.clearTimeout(this.#timer)
    if (!this.#isClosed) tell()
  }

  #unsubscribe(): void {
    this.#isOver = true
    this.#clock.clearTimeout(this.#timer)
    this.#inner?.unsubscribe()
  }
}
