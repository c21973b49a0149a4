/**
 * Decides when a read is worthwhile, and what writers are told: rung for by NOTIFY while it is quiet, polling under load.
 * Drives the state machine of `wakefulness.ts` with timers, notifications and statements on the control connection.
 */
import type { ClientBase, Notification } from 'pg'
import { CaptureFailedError } from '../../errors.js'
import type { Clock } from '../../util/clock.js'
import { quoteIdentifier } from '../../util/postgres.js'
import type { ChangeSourceSignals } from '../contract.js'
import type { PgSnapshot } from '../pg-snapshot.js'
import type { Lease } from './lease.js'
import type { LogReading } from './log-reader.js'
import type { CaptureObjects } from './objects.js'
import { transactionsElsewhere } from './open-transactions.js'
import { afterRead, ASLEEP, pollDelay, POLLING, type Wakefulness } from './wakefulness.js'

export interface DoorbellOptions {
  readonly control: ClientBase
  readonly objects: CaptureObjects
  readonly lease: Lease
  readonly signals: ChangeSourceSignals
  readonly safetyPollMs: number
  readonly clock: Clock
  /** Names this reader's loopback channel. */
  readonly nonce: string
  /** Whether the connections certainly are no pooler's. */
  readonly isDirect: boolean
}

/** Writers are silent for so long after the last word of an awake reader; it repeats itself twice as often. */
const QUIET_MS = 1_000
const PROBE_MS = 3_000
/** Through a pooler, a NOTIFY may be heard by chance: where the two connections happen to be one at the server. */
const HEARD_BY_CHANCE = 4

export class Doorbell {
  readonly #options: DoorbellOptions
  readonly #probeChannel: string
  #state: Wakefulness = ASLEEP
  #isStopped = false
  #poll: unknown
  #safety: unknown
  #quiet: unknown
  #probe: unknown
  /** `unsent` → `sent` in some read's transaction → `awaited` after it has ended → `heard`, or `missed`. */
  #probing: 'unsent' | 'sent' | 'awaited' | 'heard' | 'missed' = 'unsent'
  #timesHeard = 0
  /** Until then this reader told writers to be silent; `undefined` while it is saying something else. */
  #ownUntil: number | undefined = 0
  #elsewhere: ReadonlySet<bigint> = new Set()
  readonly #pending = new Set<Promise<void>>()

  constructor(options: DoorbellOptions) {
    this.#options = options
    this.#probeChannel = `pg_realtime_probe_${options.nonce}`
  }

  get state(): Wakefulness {
    return this.#state
  }

  /** `rings`: writers of this database ring at all. */
  async start(rings: boolean): Promise<void> {
    const { control, objects } = this.#options
    if (rings) {
      control.on('notification', this.#onNotification)
      await control.query(`LISTEN ${quoteIdentifier(objects.channel)}`)
      await control.query(`LISTEN ${quoteIdentifier(this.#probeChannel)}`)
    } else {
      this.#state = POLLING
    }
    this.#armSafety()
    this.#armPoll()
  }

  async stop(): Promise<void> {
    const { control, clock, objects } = this.#options
    this.#isStopped = true
    for (const timer of [this.#poll, this.#safety, this.#quiet, this.#probe]) clock.clearTimeout(timer)
    control.off('notification', this.#onNotification)
    if (this.#state.kind === 'awake' || this.#state.kind === 'draining') this.#background(this.#handOver())
    await this.settled()
    for (const channel of [objects.channel, this.#probeChannel]) {
      await control.query(`UNLISTEN ${quoteIdentifier(channel)}`).catch(() => {})
    }
  }

  /** Resolves when nothing that a timer or a read began is still under way. */
  async settled(): Promise<void> {
    while (this.#pending.size > 0) await Promise.all(this.#pending)
  }

  /** Whether `beforeCommit` will send something. */
  get probesNext(): boolean {
    return this.#probing === 'unsent' && this.#state.kind !== 'polling'
  }

  /** Called in the transaction of a read, before its snapshot matters to nobody any more. */
  async beforeCommit(transaction: ClientBase): Promise<void> {
    if (this.#state.kind === 'polling') return
    if (this.probesNext) {
      // From another connection than the one that listens: through a pooler, both may be one at the server.
      await transaction.query('SELECT pg_catalog.pg_notify($1, $2)', [this.#probeChannel, ''])
      if (this.#probing === 'unsent') this.#probing = 'sent'
      // The next read begins after this transaction has ended.
      this.#options.signals.wake()
    } else if (this.#probing === 'sent') {
      this.#probing = 'awaited'
      this.#probe = this.#options.clock.setTimeout(() => this.#missed(), PROBE_MS)
    }
  }

  afterRead(reading: LogReading, snapshot: PgSnapshot): void {
    if (this.#isStopped) return
    const { clock, lease } = this.#options
    const before = this.#state
    this.#state = afterRead(before, {
      arrival: { at: clock.now(), transactions: reading.transactions },
      snapshot,
      now: reading.now,
      awakeUntil: reading.awakeUntil,
      ownUntil: this.#ownUntil,
      elsewhere: this.#elsewhere,
    })
    const isAwake = this.#state.kind === 'awake'
    if (isAwake && before.kind !== 'awake') this.#keepQuiet()
    if (!isAwake && before.kind === 'awake') this.#endQuiet()
    if (reading.transactions > 0 && (isAwake || this.#state.kind === 'draining')) this.#background(lease.relay())
    if (isWaiting(this.#state) && !isWaiting(before)) this.#background(this.#lookElsewhere(this.#state.silent))
    if (this.#state.kind === 'asleep' && before.kind === 'draining') this.#background(lease.endRelaying())
    this.#armPoll()
  }

  readonly #onNotification = (message: Notification): void => {
    if (message.channel === this.#probeChannel) this.#heard()
    // An awake reader polls anyway, and hears its own and others' relays.
    else if (message.channel === this.#options.objects.channel && this.#state.kind !== 'awake')
      this.#options.signals.wake()
  }

  #armPoll(): void {
    const { clock, signals, safetyPollMs } = this.#options
    clock.clearTimeout(this.#poll)
    const delay = pollDelay(this.#state, clock.now())
    if (delay === undefined || this.#isStopped) return
    this.#poll = clock.setTimeout(() => signals.wake(), Math.min(delay, safetyPollMs))
  }

  #armSafety(): void {
    const { clock, signals, safetyPollMs, lease } = this.#options
    this.#safety = clock.setTimeout(() => {
      this.#background(lease.renew(0))
      signals.wake()
      this.#armSafety()
    }, safetyPollMs)
  }

  /** Tells writers, again and again, that they need not ring. */
  #keepQuiet(): void {
    const { clock, lease } = this.#options
    clock.clearTimeout(this.#quiet)
    this.#ownUntil = undefined
    this.#background(
      lease.renew(QUIET_MS).then(async () => {
        if (!this.#isStopped) await lease.takeUpRelaying()
      }),
    )
    this.#quiet = clock.setTimeout(() => this.#keepQuiet(), QUIET_MS / 2)
  }

  #endQuiet(): void {
    this.#options.clock.clearTimeout(this.#quiet)
    this.#ownUntil = undefined
    this.#background(
      this.#options.lease.endQuiet().then((until) => {
        this.#ownUntil = until
      }),
    )
  }

  async #lookElsewhere(transactions: ReadonlySet<bigint>): Promise<void> {
    this.#elsewhere = await transactionsElsewhere(this.#options.control, transactions)
  }

  /** Others may sleep and rely on this reader: from now on writers ring, and what was silent until now is rung for. */
  async #handOver(): Promise<void> {
    await this.#options.lease.endQuiet()
    await this.#options.lease.relay()
    await this.#options.lease.endRelaying()
  }

  #heard(): void {
    const { clock, control } = this.#options
    clock.clearTimeout(this.#probe)
    const wasMissed = this.#probing === 'missed'
    this.#timesHeard += 1
    if (!this.#options.isDirect && this.#timesHeard <= HEARD_BY_CHANCE) {
      this.#probing = 'unsent'
      return this.#options.signals.wake()
    }
    this.#probing = 'heard'
    this.#background(control.query(`UNLISTEN ${quoteIdentifier(this.#probeChannel)}`).then(() => {}))
    if (wasMissed && this.#state.kind === 'polling') this.#state = ASLEEP
  }

  #missed(): void {
    this.#probing = 'missed'
    if (this.#state.kind === 'awake') this.#endQuiet()
    this.#state = POLLING
    this.#armPoll()
    this.#options.signals.onError(
      new CaptureFailedError(
        `A NOTIFY sent to itself did not arrive within ${PROBE_MS} ms: is there a pooler in transaction mode in front of the ` +
          'database? The change log is polled instead, which is correct, and slower. Give the engine a direct connection ' +
          'with the option `listen`, or switch the doorbell off with `doorbell: false`.',
      ),
    )
  }

  /** A statement that nobody awaits. A connection that is gone is its owner's business, who stops this. */
  #background(work: Promise<void>): void {
    const tracked = work
      .catch((error: unknown) => {
        if (this.#isStopped) return
        const message = error instanceof Error ? error.message : String(error)
        this.#options.signals.onError(
          new CaptureFailedError(`Writers could not be told about readers: ${message}`, { cause: error }),
        )
      })
      .finally(() => this.#pending.delete(tracked))
    this.#pending.add(tracked)
  }
}

function isWaiting(state: Wakefulness): state is Extract<Wakefulness, { kind: 'draining' }> {
  return state.kind === 'draining' && state.step === 'waiting'
}
