import { rearrange } from '@pg-realtime/core/snapshot'
import { PLAIN, type WirePatch } from '../protocol.js'
import type { DataTransformer } from './transformer.js'

interface Entry {
  readonly value: unknown
  /** The line that the row was made from; undefined for a row that a patch changed. */
  readonly text: string | undefined
}

/**
 * The rows that a client holds. What a message does not change is the identical object, so React renders only what did:
 * a patch names its rows, and of all rows those are parsed anew whose line is none of those that are known.
 */
export class RowCache {
  readonly #transformer: DataTransformer
  #entries: readonly Entry[] = []

  constructor(transformer: DataTransformer) {
    this.#transformer = transformer
  }

  read(lines: string, count: number): unknown[] {
    const texts = count === 0 ? [] : lines.split('\n')
    if (texts.length !== count) throw new Error(`The server announced ${count} rows and sent ${texts.length}.`)
    const known = this.#byText()
    this.#entries = texts.map((text) => {
      // Equal rows are handed out in their order: each object stands for one of them.
      return known.get(text)?.shift() ?? { value: this.#parse(text), text }
    })
    return this.#values()
  }

  /** Applies patches in their order. Throws, and changes nothing, if one does not fit the rows. */
  apply(lines: string): unknown[] {
    let entries = this.#entries
    for (const line of lines.split('\n')) {
      const wire = line.startsWith(PLAIN) ? (JSON.parse(line.slice(PLAIN.length)) as unknown) : this.#parse(line)
      entries = patched(entries, wire as WirePatch)
    }
    this.#entries = entries
    return this.#values()
  }

  #values(): unknown[] {
    return this.#entries.map(({ value }) => value)
  }

  #parse(text: string): unknown {
    return this.#transformer.deserialize(JSON.parse(text))
  }

  #byText(): Map<string, Entry[]> {
    const known = new Map<string, Entry[]>()
    for (const { value, text = this.#textOf(value) } of this.#entries) {
      const same = known.get(text)
      if (same) same.push({ value, text })
      else known.set(text, [{ value, text }])
    }
    return known
  }

  /** As the server would write the row; where it would write something else, the row is parsed anew, and no harm done. */
  #textOf(value: unknown): string {
    return JSON.stringify(this.#transformer.serialize(value)) ?? 'null'
  }
}

function patched(entries: readonly Entry[], { r = [], m = [], i = [], u = [], s = [] }: WirePatch): readonly Entry[] {
  const taken = new Set(r)
  const placed = new Map<number, Entry>(pairs(i).map(([to, value]) => [to, { value, text: undefined }]))
  for (let index = 0; index < m.length; index += 2) {
    taken.add(m[index]!)
    placed.set(m[index + 1]!, at(entries, m[index]!))
  }
  const result = rearrange(entries, taken, placed)
  if (result.length !== entries.length - taken.size + placed.size)
    throw new RangeError('The patch does not fit the rows.')
  for (const [to, columns] of pairs(u)) {
    result[to] = { value: { ...(at(result, to).value as object), ...(columns as object) }, text: undefined }
  }
  for (const [to, value] of pairs(s)) result[at(result, to) && to] = { value, text: undefined }
  return result
}

function pairs(steps: readonly unknown[]): (readonly [to: number, value: unknown])[] {
  return steps.flatMap((to, index) => (index % 2 === 0 ? [[to as number, steps[index + 1]] as const] : []))
}

function at(entries: readonly Entry[], index: number): Entry {
  const entry = entries[index]
  if (!entry) throw new RangeError(`The patch names row ${index} of ${entries.length}.`)
  return entry
}
