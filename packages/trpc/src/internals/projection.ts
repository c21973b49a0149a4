import type { LiveState, Patch } from '@pg-realtime/core'
import { isPlainObject, PLAIN, rowsMessage, type RowsMessage, type ServerStatus } from '../protocol.js'
import {
  collectSteps,
  History,
  isMapped,
  someEpoch,
  someMappedEpoch,
  type Held,
  type RenderedPatch,
  type RowProjection,
  type Transition,
} from './history.js'
import { markShared } from './share-serialized.js'
import { plainForm, type DataTransformer } from './transformer.js'

/** A column value as it leaves the server: transformers know Uint8Array, and none knows Node's Buffer. */
export type WireValue<Value> = Value extends Buffer
  ? Uint8Array
  : Value extends readonly (infer Element)[]
    ? Buffer extends Element
      ? WireValue<Element>[]
      : Value
    : Value

/** A row as it leaves the server. */
export type WireRow<Row> = { [Column in keyof Row]: WireValue<Row[Column]> }

export type RowMapper = (row: never) => unknown

interface Content {
  /** What plain clients are sent. */
  readonly values: () => readonly unknown[]
  /** What `liveLink` is sent. */
  readonly lines: () => string
  readonly message: (status: ServerStatus, single: boolean) => RowsMessage
}

/** Rows as a live query shows them. */
export type Shown = Pick<LiveState<object>, 'rows' | 'version'>

/** Where a list of rows stands among those before and after. */
interface Place {
  readonly history: History
  readonly number: number
}

/**
 * Rows as subscribers are given them. Everything is made once per row and once per state, however many subscribers
 * there are: the rows of a live query, and the list of them, are the identical objects for all of its handles.
 */
export class Projection implements RowProjection {
  readonly #transformer: DataTransformer
  readonly #map: RowMapper | undefined
  readonly #places = new WeakMap<readonly object[], Place>()
  readonly #values = new WeakMap<object, unknown>()
  readonly #texts = new WeakMap<object, string>()
  readonly #contents = new WeakMap<readonly object[], Content>()

  constructor(transformer: DataTransformer, map: RowMapper | undefined) {
    this.#transformer = transformer
    this.#map = map
  }

  values(rows: readonly object[]): readonly unknown[] {
    return this.#content(rows).values()
  }

  lines(rows: readonly object[]): string {
    return this.#content(rows).lines()
  }

  /** What `liveLink` is sent where all rows are: the identical object for one subscriber after the other. */
  message(rows: readonly object[], status: ServerStatus, single: boolean): RowsMessage {
    return this.#content(rows).message(status, single)
  }

  /** How the rows are named to clients; from now on their patches are kept. */
  stateOf(shown: Shown): string {
    const { history, number } = this.#place(shown)
    return history.stateOf(number)
  }

  /** What leads from the rows that a client holds to these; undefined where it is to be sent all rows. */
  patchesSince(held: Held, shown: Shown): { readonly from: number; readonly lines: string } | undefined {
    const { history, number } = this.#place(shown)
    return number === history.number ? history.since(held) : undefined
  }

  /** Told of each update, by every subscriber: the first one counts. */
  advance(transition: Transition): void {
    if (this.#places.has(transition.rows)) return
    const place = this.#places.get(transition.previousRows)
    if (!place || place.number !== place.history.number) return
    const { history } = place
    history.advance(transition)
    this.#places.set(transition.rows, { history, number: history.number })
  }

  /**
   * Whether a client that came back with this state, and the version of these rows, holds what they are shown as. A version
   * is of the rows as they were before `map`: what another server's made of them is not known here.
   */
  recognizes(state: string, shown: Shown): boolean {
    return this.#place(shown).history.hasShown(state) || !(this.#map || isMapped(state))
  }

  #place({ rows, version }: Shown): Place {
    const known = this.#places.get(rows)
    if (known) return known
    const epoch = this.#map ? someMappedEpoch() : someEpoch()
    const place = { history: new History(rows, version, this.#render, epoch), number: 0 }
    this.#places.set(rows, place)
    return place
  }

  value(row: object): unknown {
    if (!this.#values.has(row)) this.#values.set(row, this.#project(row))
    return this.#values.get(row)
  }

  /** The row as one line: JSON holds no raw line breaks. */
  line(row: object): string {
    let text = this.#texts.get(row)
    if (text === undefined) {
      text = this.#serialize(this.value(row))
      this.#texts.set(row, text)
    }
    return text
  }

  changes(previous: object, row: object): Readonly<Record<string, unknown>> | undefined {
    const [before, after] = [this.value(previous), this.value(row)]
    if (!isPlainObject(before) || !isPlainObject(after)) return Object.is(before, after) ? {} : undefined
    const names = Object.keys(after)
    if (names.length !== Object.keys(before).length || names.some((name) => !Object.hasOwn(before, name)))
      return undefined
    const changed = names.filter((name) => !this.#isSame(before[name], after[name]))
    // JSON would leave it out, and the client would keep what was there.
    if (changed.some((name) => after[name] === undefined)) return undefined
    return Object.fromEntries(changed.map((name) => [name, after[name]]))
  }

  #isSame(left: unknown, right: unknown): boolean {
    if (Object.is(left, right)) return true
    if (typeof left !== 'object' || typeof right !== 'object') return false
    return this.#serialize(left) === this.#serialize(right)
  }

  #serialize(value: unknown): string {
    return JSON.stringify(this.#transformer.serialize(value)) ?? 'null'
  }

  readonly #render = (patch: Patch<object>): RenderedPatch => {
    const { wire, size } = collectSteps(patch, this)
    const serialized = this.#transformer.serialize(wire)
    const plain = plainForm(this.#transformer, serialized)
    return { text: plain ? `${PLAIN}${JSON.stringify(plain)}` : JSON.stringify(serialized), size }
  }

  #project(row: object): unknown {
    return withoutBuffers(this.#map ? this.#map(row as never) : row)
  }

  #content(rows: readonly object[]): Content {
    const known = this.#contents.get(rows)
    if (known) return known
    let values: readonly unknown[] | undefined
    let lines: string | undefined
    let message: RowsMessage | undefined
    const content: Content = {
      values: () => (values ??= markShared(rows.map((row) => this.value(row)))),
      lines: () => (lines ??= rows.map((row) => this.line(row)).join('\n')),
      message: (status, single) => {
        if (message?.status === status && message.single === single) return message
        return (message = rowsMessage(status, { count: rows.length, lines: this.lines(rows), single }))
      },
    }
    this.#contents.set(rows, content)
    return content
  }
}

/** One projection per mapper, so that subscribers with the same mapper share it. */
export class Projections {
  readonly #transformer: DataTransformer
  readonly #plain: Projection
  readonly #mapped = new WeakMap<RowMapper, Projection>()

  constructor(transformer: DataTransformer) {
    this.#transformer = transformer
    this.#plain = new Projection(transformer, undefined)
  }

  of(map: RowMapper | undefined): Projection {
    if (!map) return this.#plain
    let projection = this.#mapped.get(map)
    if (!projection) this.#mapped.set(map, (projection = new Projection(this.#transformer, map)))
    return projection
  }
}

function withoutBuffers(row: unknown): unknown {
  if (!isPlainObject(row)) return wireValue(row)
  let copy: Record<string, unknown> | undefined
  for (const [column, value] of Object.entries(row)) {
    const wire = wireValue(value)
    if (wire !== value) (copy ??= { ...row })[column] = wire
  }
  return copy ?? row
}

function wireValue(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
  if (Array.isArray(value) && value.some((element) => Buffer.isBuffer(element))) return value.map(wireValue)
  return value
}
