// Programs that compile these sources from elsewhere find the declaration by this line.
// oxlint-disable-next-line typescript/triple-slash-reference
/// <reference path="./pg-lib.d.ts" />
import utils from 'pg/lib/utils.js'
import { quoteLiteral } from './postgres.js'

/** What `pg` would send for a parameter: text, bytes for a Buffer, or NULL. */
export type ParameterValue = string | Buffer | null

/** A parameter as `pg` itself would send it: Dates, arrays, objects, `toPostgres` and all. */
export function parameterValue(value: unknown): ParameterValue {
  return utils.prepareValue(value) as ParameterValue
}

/**
 * The same parameter, which nobody can change from now on: lists, dates and bytes are copied, and of every other object it is
 * what `pg` would send of it at this moment. Throws where `pg` could not send it.
 */
export function ownParameter(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(ownParameter)
  if (value instanceof Date) return new Date(value)
  const prepared = parameterValue(value)
  return typeof prepared === 'string' || prepared === null ? prepared : Buffer.from(prepared)
}

/**
 * A parameter's text in PostgreSQL's own input syntax; undefined where there is none, because `pg` sends bytes that are
 * no `bytea`.
 */
export function parameterText(value: unknown, type: string | undefined): string | null | undefined {
  const prepared = parameterValue(value)
  if (prepared === null || typeof prepared === 'string') return prepared
  return type !== undefined && BYTEA.test(type) ? `\\x${prepared.toString('hex')}` : undefined
}

/** A literal without a type of its own: it is read as a parameter of the same text would be. */
export function literalOf(text: string | null): string {
  return text === null ? 'NULL' : quoteLiteral(text)
}

/** An array's text. Each element is quoted, so that a type with another delimiter is an error and never other values. */
export function arrayText(elements: readonly (string | null)[]): string {
  const parts = elements.map((text) => (text === null ? 'NULL' : `"${escapeElement(text)}"`))
  return `{${parts.join(',')}}`
}

const BYTEA = /^(pg_catalog\.)?bytea$/
const SPECIAL = /["\\]/g

function escapeElement(text: string): string {
  return text.includes('"') || text.includes('\\') ? text.replace(SPECIAL, '\\$&') : text
}
