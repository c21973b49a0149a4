import type { ClientConfig } from 'pg'
import { ConnectionLostError, RealtimeError } from '../errors.js'
import type { EngineStatus } from '../live/contract.js'
import type { Clock, Random } from '../util/clock.js'
import { initialState, nextState, type ConnectionEvent, type ConnectionState } from './state.js'
import { openSession, type Session } from './session.js'

export interface SupervisorOptions {
  readonly config: ClientConfig
  readonly clock: Clock
  readonly random: Random
  readonly heartbeatMs: number
  /** Makes a fresh session usable; a rejection counts as a failed connection. */
  readonly onOpen: (session: Session) => Promise<void>
  /** The session is gone; called once for every session that `onOpen` accepted or was given. */
  readonly onLost: (error: RealtimeError) => void
  readonly onStatus: (status: EngineStatus) => void
  readonly onError: (error: RealtimeError) => void
}

/** Drives the connection's state machine: opens sessions, waits, tries again, until stopped. */
export class Supervisor {
  readonly #options: SupervisorOptions
  #state: ConnectionState = initialState()
  #session: Session | undefined
  #timer: unknown
  #opening: Promise<void> | undefined

  constructor(options: SupervisorOptions) {
    this.#options = options
  }

  get session(): Session | undefined {
    return this.#state.kind === 'live' ? this.#session : undefined
  }

  get status(): EngineStatus {
    switch (this.#state.kind) {
      case 'stopped':
        return 'stopped'
      case 'live':
        return 'live'
      case 'connecting':
      case 'waiting':
        return this.#state.wasLive ? 'stale' : 'connecting'
    }
  }

  /** The first connection: rejects, and stops, if it fails. Later losses are repaired without end. */
  async start(): Promise<void> {
    this.#dispatch({ kind: 'start' })
    const error = await this.#open()
    if (error === undefined) return
    await this.stop()
    throw error
  }

  async stop(): Promise<void> {
    this.#options.clock.clearTimeout(this.#timer)
    this.#dispatch({ kind: 'stop' })
    const session = this.#session
    this.#session = undefined
    await session?.close()
    await this.#opening
  }

  async #open(): Promise<RealtimeError | undefined> {
    const state = this.#state
    if (state.kind !== 'connecting') return undefined
    const { epoch } = state
    let session: Session | undefined
    try {
      session = await openSession({
        config: this.#options.config,
        clock: this.#options.clock,
        heartbeatMs: this.#options.heartbeatMs,
        onLost: (error) => this.#lost(epoch, error),
      })
      if (!this.#isConnecting(epoch)) return await this.#abandon(session)
      this.#session = session
      await this.#options.onOpen(session)
      if (!this.#isConnecting(epoch)) return await this.#abandon(session)
      this.#dispatch({ kind: 'opened', epoch })
      return undefined
    } catch (cause) {
      await session?.close()
      const error = connectionError(cause)
      if (!this.#isConnecting(epoch)) return error
      if (state.wasLive) this.#options.onError(error)
      this.#dispatch({ kind: 'failed', epoch })
      if (state.wasLive) this.#wait()
      return error
    }
  }

  async #abandon(session: Session): Promise<RealtimeError> {
    await session.close()
    return new ConnectionLostError('The connection was given up before it was usable.')
  }

  #isConnecting(epoch: number): boolean {
    return this.#state.kind === 'connecting' && this.#state.epoch === epoch
  }

  #lost(epoch: number, cause: Error): void {
    const before = this.#state
    if (before.kind === 'stopped' || before.epoch !== epoch) return
    this.#session = undefined
    const error = connectionError(cause)
    this.#dispatch({ kind: 'lost', epoch })
    if (before.kind === 'live') {
      this.#options.onError(error)
      this.#options.onLost(error)
    }
    // A session lost while it was being opened fails `start`, or is tried again by `#open`'s caller.
    if (this.#state.kind === 'waiting' && this.#state.wasLive) this.#wait()
  }

  #wait(): void {
    const state = this.#state
    if (state.kind !== 'waiting') return
    const { clock } = this.#options
    clock.clearTimeout(this.#timer)
    this.#timer = clock.setTimeout(
      () => {
        this.#dispatch({ kind: 'due' })
        if (this.#state.kind === 'waiting') return this.#wait()
        this.#opening = this.#open().then(() => {})
      },
      Math.max(0, state.until - clock.now()),
    )
  }

  #dispatch(event: ConnectionEvent): void {
    const before = this.status
    this.#state = nextState(this.#state, event, this.#options.clock.now(), this.#options.random)
    if (this.status !== before) this.#options.onStatus(this.status)
  }
}

function connectionError(cause: unknown): RealtimeError {
  if (cause instanceof RealtimeError) return cause
  const message = cause instanceof Error ? cause.message : String(cause)
  return new ConnectionLostError(
    `The connection to PostgreSQL failed: ${message || (cause as { code?: string }).code || 'unknown reason'}. ` +
      'Live queries keep their rows and are refreshed when it is back.',
    { cause },
  )
}
