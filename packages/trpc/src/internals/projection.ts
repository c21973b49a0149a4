import { isPlainObject } from '../protocol.js'
import type { DataTransformer } from './transformer.js'

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
}

/**
 * Rows as subscribers are given them. Everything is made once per row and once per state, however many subscribers
 * there are: the rows of a live query, and the list of them, are the identical objects for all of its handles.
 */
export class Projection {
  readonly #transformer: DataTransformer
  readonly #map: RowMapper | undefined
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

  value(row: object): unknown {
    if (!this.#values.has(row)) this.#values.set(row, this.#project(row))
    return this.#values.get(row)
  }

  /** The row as one line: JSON holds no raw line breaks. */
  line(row: object): string {
    let text = this.#texts.get(row)
    if (text === undefined) {
      text = JSON.stringify(this.#transformer.serialize(this.value(row))) ?? 'null'
      this.#texts.set(row, text)
    }
    return text
  }

  #project(row: object): unknown {
    return withoutBuffers(this.#map ? this.#map(row as never) : row)
  }

  #content(rows: readonly object[]): Content {
    const known = this.#contents.get(rows)
    if (known) return known
    let values: readonly unknown[] | undefined
    let lines: string | undefined
    const content = {
      values: () => (values ??= rows.map((row) => this.value(row))),
      lines: () => (lines ??= rows.map((row) => this.line(row)).join('\n')),
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
