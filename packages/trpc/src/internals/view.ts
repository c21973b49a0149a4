import type { LiveState } from '@pg-realtime/core'
import { rowsMessage, statusMessage, type Message, type Resume, type ServerStatus } from '../protocol.js'
import type { Floor } from './floor.js'
import type { Projection } from './projection.js'

/** What one subscriber has been sent, and so what it is owed. At most one thing is owed at a time: the newest. */
export interface View<Out> {
  /** What to send now; undefined: nothing. Counts as sent. */
  take(state: LiveState<object>): { readonly value: Out } | undefined
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

  close(): void {}
}

/** For `liveLink`: rows when they have changed, the status when it has, and nothing older than what the client holds. */
export class LinkView implements View<Message> {
  readonly #presentation: Presentation
  readonly #floor: Floor
  #version: string
  #status: ServerStatus | undefined

  constructor(presentation: Presentation, heldVersion: string | undefined, floor: Floor) {
    this.#presentation = presentation
    this.#version = heldVersion ?? ''
    this.#floor = floor
  }

  take(state: LiveState<object>): { readonly value: Message } | undefined {
    return state.version === '' || state.version === this.#version ? this.#statusOf(state) : this.#rowsOf(state)
  }

  close(): void {
    this.#floor.close()
  }

  #statusOf(state: LiveState<object>): { readonly value: Message } | undefined {
    // Before the first rows there is something to tell only if they are late for a reason.
    if (state.version === '' && state.error === undefined) return undefined
    const isLate = this.#floor.isLate && !this.#floor.hasReached(state.snapshot)
    const status = isLate ? 'stale' : statusOf(state)
    if (status === this.#status) return undefined
    this.#status = status
    return { value: statusMessage(this.#held(state.snapshot), status) }
  }

  #rowsOf(state: LiveState<object>): { readonly value: Message } | undefined {
    const admission = this.#floor.admit(state.snapshot)
    if (admission === 'wait') return undefined
    const status = admission === 'late' ? 'stale' : statusOf(state)
    this.#version = state.version
    this.#status = status
    return { value: rowsMessage(this.#held(state.snapshot), status, this.#content(state.rows)) }
  }

  /** What the client holds once it has the message: late rows take nothing away from what it has seen. */
  #held(snapshot: string): Resume {
    return { version: this.#version, snapshot: this.#floor.latest(snapshot) }
  }

  #content(rows: readonly object[]) {
    const { projection, single } = this.#presentation
    if (!single) return { count: rows.length, lines: projection.lines(rows), single }
    const [first] = rows
    return { count: first ? 1 : 0, lines: first ? projection.line(first) : '', single }
  }
}

function statusOf(state: LiveState<object>): ServerStatus {
  return state.status === 'live' ? 'live' : 'stale'
}
