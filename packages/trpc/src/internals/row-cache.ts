import type { DataTransformer } from './transformer.js'

/**
 * The rows that a client holds, by the line of text that each was made from. A line that it knows already is not parsed
 * again: the row is the identical object, so React renders only what changed.
 */
export class RowCache {
  readonly #transformer: DataTransformer
  #rows = new Map<string, unknown[]>()

  constructor(transformer: DataTransformer) {
    this.#transformer = transformer
  }

  read(lines: string, count: number): unknown[] {
    const texts = count === 0 ? [] : lines.split('\n')
    if (texts.length !== count) throw new Error(`The server announced ${count} rows and sent ${texts.length}.`)
    const known = this.#rows
    const next = new Map<string, unknown[]>()
    const rows = texts.map((text) => {
      // Equal rows are handed out in their order: each object stands for one of them.
      const row = takeFirst(known, text) ?? { value: this.#transformer.deserialize(JSON.parse(text)) }
      const same = next.get(text)
      if (same) same.push(row.value)
      else next.set(text, [row.value])
      return row.value
    })
    this.#rows = next
    return rows
  }
}

function takeFirst(rows: Map<string, unknown[]>, text: string): { readonly value: unknown } | undefined {
  const same = rows.get(text)
  return same && same.length > 0 ? { value: same.shift() } : undefined
}
