import { TRPCClientError, type Operation, type OperationResultEnvelope, type TRPCLink } from '@trpc/client'
import type { AnyTRPCRouter } from '@trpc/server'
import { observable, type Observer } from '@trpc/server/observable'
import superjson from 'superjson'
import {
  formatEventId,
  MARKER,
  patchText,
  rowsMessage,
  statusMessage,
  type Announcement,
  type Resume,
  type ServerStatus,
  type WirePatch,
} from '../../src/protocol.js'

type Envelope = OperationResultEnvelope<unknown, TRPCClientError<AnyTRPCRouter>>

/** One subscription that reached the terminating link. */
export class Connection {
  isOpen = true
  readonly #op: Operation
  readonly #observer: Observer<Envelope, TRPCClientError<AnyTRPCRouter>>

  constructor(op: Operation, observer: Observer<Envelope, TRPCClientError<AnyTRPCRouter>>) {
    this.#op = op
    this.#observer = observer
  }

  get id(): number {
    return this.#op.id
  }

  get input(): unknown {
    return this.#op.input
  }

  get announcement(): Announcement | undefined {
    return (this.#op.input as { [MARKER]?: Announcement } | undefined)?.[MARKER]
  }

  start(): void {
    this.#observer.next({ result: { type: 'started' } })
  }

  state(state: 'connecting' | 'pending', error: Error | null = null): void {
    const cause = error && TRPCClientError.from<AnyTRPCRouter>(error)
    this.#observer.next({ result: { type: 'state', state, error: cause } as never })
  }

  data(data: unknown): void {
    this.#observer.next({ result: { type: 'data', data } })
  }

  tracked(id: string, message: unknown): void {
    this.#observer.next({ result: { type: 'data', id, data: { id, data: message } } as never })
  }

  rows(rows: readonly object[], held: Resume, status: ServerStatus = 'live'): void {
    const lines = rows.map((row) => superjson.stringify(row)).join('\n')
    this.tracked(formatEventId(held), rowsMessage(status, { count: rows.length, lines, single: false }))
  }

  status(status: ServerStatus, held: Resume): void {
    this.tracked(formatEventId(held, '2'), statusMessage(status))
  }

  patch(from: number, patch: WirePatch, held: Resume, status: ServerStatus = 'live'): void {
    this.tracked(formatEventId(held), patchText(status, from, superjson.stringify(patch)))
  }

  fail(code: string, number: number, httpStatus: number): void {
    const shape = { code: number, message: code, data: { code, httpStatus } }
    this.#observer.error(TRPCClientError.from({ error: shape } as never))
  }

  /** As when a proxy answers in the server's place. */
  failWithoutAnswer(): void {
    this.#observer.error(TRPCClientError.from(new Error('502 Bad Gateway')))
  }

  complete(): void {
    this.#observer.complete()
  }
}

/** A terminating link whose answers the test gives. */
export class ScriptedLink {
  readonly connections: Connection[] = []

  get last(): Connection {
    return this.connections.at(-1)!
  }

  readonly link: TRPCLink<AnyTRPCRouter> =
    () =>
    ({ op }) =>
      observable((observer) => {
        const connection = new Connection(op, observer)
        this.connections.push(connection)
        return () => {
          connection.isOpen = false
        }
      })
}
