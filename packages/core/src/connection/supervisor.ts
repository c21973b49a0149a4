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
  /** How sessions are opened. */
  readonly openSession?: typeof openSession
  /** Makes a fresh session usable; a rejection counts as a failed connection. Settles soon after its session is lost. */
  readonly onOpen: (session: Session) => Promise<void>
  /**
   * The session is gone, or could not be made usable. Called once for every session that `onOpen` was given, after that
   * has settled; not for the one that is live when `stop` ends it.
   */
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
  #opening: Promise<unknown> | undefined

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
    const opening = this.#open()
    this.#opening = opening
    const error = await opening
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
    const { epoch, wasLive } = state
    try {
      await this.#openSession(epoch)
      return undefined
    } catch (cause) {
      const error = connectionError(cause)
      if (!this.#isConnecting(epoch)) return error
      if (wasLive) this.#options.onError(error)
      this.#dispatch({ kind: 'failed', epoch })
      if (wasLive) this.#wait()
      return error
    }
  }

  async #openSession(epoch: number): Promise<void> {
    const { onOpen, onLost, openSession: open = openSession, config, clock, heartbeatMs } = this.#options
    // Lost before it is live: the opening fails, but not before `onOpen` has settled.
    let lost: Error | undefined
    const mustGoOn = () => {
      if (lost) throw lost
      if (!this.#isConnecting(epoch)) throw new ConnectionLostError(GIVEN_UP)
    }
    const session = await open({
      config,
      clock,
      heartbeatMs,
      onLost: (error) => {
        lost = error
        this.#lost(epoch, error)
      },
    })
    let isGiven = false
    try {
      mustGoOn()
      this.#session = session
      isGiven = true
      await onOpen(session)
      mustGoOn()
    } catch (cause) {
      const error = connectionError(lost ?? cause)
      this.#session = undefined
      await session.close()
      if (isGiven) onLost(error)
      throw error
    }
    this.#dispatch({ kind: 'opened', epoch })
  }

  #isConnecting(epoch: number): boolean {
    return this.#state.kind === 'connecting' && this.#state.epoch === epoch
  }

  #lost(epoch: number, cause: Error): void {
    if (this.#state.kind !== 'live' || this.#state.epoch !== epoch) return
    this.#session = undefined
    const error = connectionError(cause)
    this.#dispatch({ kind: 'lost', epoch })
    this.#options.onError(error)
    this.#options.onLost(error)
    this.#wait()
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
        this.#opening = this.#open()
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

const GIVEN_UP = 'The connection was given up before it was usable.'

function connectionError(cause: unknown): RealtimeError {
  if (cause instanceof RealtimeError) return cause
  const message = cause instanceof Error ? cause.message : String(cause)
  return new ConnectionLostError(
    `The connection to PostgreSQL failed: ${message || (cause as { code?: string }).code || 'unknown reason'}. ` +
      'Live queries keep their rows and are refreshed when it is back.',
    { cause },
  )
}
