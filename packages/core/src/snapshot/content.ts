import { hash } from 'node:crypto'
import type { RawField, RawResult } from '../refresh/contract.js'
import { ownQuotes, rowEnds, rowText } from './row-text.js'

/** A result as text, and where its rows end: one text for all takes the least memory, and is compared at once. */
export interface ResultText {
  readonly text: string
  readonly ends: readonly number[]
}

/** The result's rows as one text, of which it need not be known yet where they end. */
export function textOf(result: RawResult): { readonly text: string; readonly ends: readonly number[] | undefined } {
  const { content, fields } = result
  if (content.kind === 'text') return { text: ownQuotes(content.text, fields.length), ends: undefined }
  const texts = content.kind === 'texts' ? content.texts : content.rows.map(rowText)
  let end = 0
  return { text: texts.join(''), ends: texts.map(({ length }) => (end += length)) }
}

export function endsOf({ text, ends }: ReturnType<typeof textOf>): readonly number[] {
  return ends ?? rowEnds(text)
}

export function startAt({ ends }: ResultText, index: number): number {
  return index === 0 ? 0 : ends[index - 1]!
}

export function textAt(result: ResultText, index: number): string {
  return result.text.slice(startAt(result, index), result.ends[index])
}

export function textsOf(result: ResultText): string[] {
  return result.ends.map((_, index) => textAt(result, index))
}

const shapes = new WeakMap<readonly RawField[], string>()

/** Names and types of a result's columns. Results that share their list of fields share this text as well. */
export function shapeOf(fields: readonly RawField[]): string {
  let shape = shapes.get(fields)
  if (shape === undefined) {
    shape = JSON.stringify(fields.map((field) => [field.name, field.typeOid]))
    shapes.set(fields, shape)
  }
  return shape
}

/** The names in a shape, in the order of the columns. */
export function columnNames(shape: string): readonly string[] {
  return (JSON.parse(shape) as readonly (readonly [string, number])[]).map(([name]) => name)
}

/** 48 bits: two contents of one query that a client could confuse meet once in 10^14. Short enough for every patch. */
const VERSION_LENGTH = 8

/** A hash of the rows; of what rows there are, where their order means nothing. */
export function versionOf(shape: string, result: ResultText, ordered: boolean): string {
  const text = ordered ? result.text : textsOf(result).sort().join('')
  return hash('sha256', `${shape}\0${ordered}\0${text}`, 'base64url').slice(0, VERSION_LENGTH)
}
