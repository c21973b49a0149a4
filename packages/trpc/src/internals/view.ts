import type { LiveState } from '@pg-realtime/core'
import { tracked } from '@trpc/server'
import {
  formatEventId,
  patchText,
  shortSnapshot,
  statusMessage,
  type Resume,
  type RowsMessage,
  type ServerStatus,
} from '../protocol.js'
import type { Floor } from './floor.js'
import type { Transition } from './history.js'
import type { Projection, Shown } from './projection.js'

/** What one subscriber has been sent, and so what it is owed. At most one thing is owed at a time: the newest. */
export interface View<Out> {
  /** What to send now; undefined: nothing. Counts as sent. */
  take(state: LiveState<object>): { readonly value: Out } | undefined
  /** Told of each change of the rows, before `take`. */
  advance(update: Transition): void
  close(): void
}

export interface Presentation {
  readonly projection: Projection
  /** Hands on the first row, or undefined, in place of a list. */
  readonly single: boolean
}

/** For clients without `liveLink`: rows, when they have changed. */
export class PlainView implements View<unknown> {
  readonly #presentation: Presentation
  #version = ''

  constructor(presentation: Presentation) {
    this.#presentation = presentation
  }

  take({ rows, version }: LiveState<object>): { readonly value: unknown } | undefined {
    if (version === this.#version) return undefined
    this.#version = version
    const { projection, single } = this.#presentation
    if (!single) return { value: projection.values(rows) }
    const [first] = rows
    return { value: first && projection.value(first) }
  }

  advance(): void {}

  close(): void {}
}

/** For `liveLink`: patches or rows when they have changed, the status when it has, and nothing older than what the client holds. */
export class LinkView implements View<unknown> {
  readonly #presentation: Presentation
  readonly #floor: Floor
  #version: string
  #state: string
  #status: ServerStatus | undefined
  #statusCount = 0
  /** What the client holds was sent to it by another view, perhaps of another server. */
  #isResumed: boolean

  constructor(presentation: Presentation, held: Resume | undefined, floor: Floor) {
    this.#presentation = presentation
    this.#version = held?.version ?? ''
    this.#state = held?.state ?? ''
    this.#isResumed = held !== undefined
    this.#floor = floor
  }

  take(state: LiveState<object>): { readonly value: unknown } | undefined {
    if (this.#isResumed && state.version !== '') this.#recognize(state)
    return state.version === '' || state.version === this.#version ? this.#statusOf(state) : this.#rowsOf(state)
  }

  advance(update: Transition): void {
    const { projection, single } = this.#presentation
    projection.advance(single ? firstRowOf(update) : update)
  }

  close(): void {
    this.#floor.close()
  }

  #recognize(state: LiveState<object>): void {
    this.#isResumed = false
    if (!this.#presentation.projection.recognizes(this.#state, this.#shown(state))) this.#version = ''
  }

  #statusOf(state: LiveState<object>): { readonly value: unknown } | undefined {
    // Before the first rows there is something to tell only if they are late for a reason.
    if (state.version === '' && state.error === undefined) return undefined
    const isLate = this.#floor.isLate && !this.#floor.hasReached(state.snapshot)
    const status = isLate ? 'stale' : statusOf(state)
    // Rows must be there for a history of theirs to begin, so that the next change can be a patch.
    if (state.version !== '') this.#presentation.projection.stateOf(this.#shown(state))
    if (status === this.#status) return undefined
    this.#status = status
    return { value: tracked(this.#eventId(state.snapshot, String(++this.#statusCount)), statusMessage(status)) }
  }

  #rowsOf(state: LiveState<object>): { readonly value: unknown } | undefined {
    const admission = this.#floor.admit(state.snapshot)
    if (admission === 'wait') return undefined
    const status = admission === 'late' ? 'stale' : statusOf(state)
    const shown = this.#shown(state)
    const { projection } = this.#presentation
    const missed = projection.patchesSince({ state: this.#state, version: this.#version }, shown)
    this.#version = state.version
    this.#state = projection.stateOf(shown)
    this.#status = status
    const message = missed ? patchText(status, missed.from, missed.lines) : this.#allOf(shown.rows, status)
    return { value: tracked(this.#eventId(state.snapshot), message) }
  }

  /** tRPC sends it back after a reconnect. Late rows take nothing away from what the client has seen. */
  #eventId(snapshot: string, nonce?: string): string {
    const seen = this.#floor.latest(shortSnapshot(snapshot))
    return formatEventId({ version: this.#version, snapshot: seen, state: this.#state }, nonce)
  }

  #shown({ rows, version }: LiveState<object>): Shown {
    return { rows: this.#presentation.single ? firstOf(rows) : rows, version }
  }

  #allOf(rows: readonly object[], status: ServerStatus): RowsMessage {
    const { projection, single } = this.#presentation
    return projection.message(rows, status, single)
  }
}

function statusOf(state: LiveState<object>): ServerStatus {
  return state.status === 'live' ? 'live' : 'stale'
}

const firsts = new WeakMap<readonly object[], readonly object[]>()

/** The list of the first row alone, the identical one for the identical rows. */
function firstOf(rows: readonly object[]): readonly object[] {
  let first = firsts.get(rows)
  if (!first) firsts.set(rows, (first = rows.slice(0, 1)))
  return first
}

/** Whatever row comes first takes the place of the one before. */
function firstRowOf(update: Transition): Transition {
  const [previousRows, rows] = [firstOf(update.previousRows), firstOf(update.rows)]
  const [previous, row] = [previousRows[0], rows[0]]
  return { previousRows, rows, version: update.version, patch: replacement(previous, row) }
}

function replacement(previous: object | undefined, row: object | undefined): Transition['patch'] {
  if (previous === row) return []
  if (!previous) return [{ kind: 'insert', to: 0, row: row! }]
  if (!row) return [{ kind: 'remove', from: 0, row: previous }]
  return [{ kind: 'update', from: 0, to: 0, row, previous, columns: [] }]
}
