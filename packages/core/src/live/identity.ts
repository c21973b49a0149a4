import { hash } from 'node:crypto'
import { scopeKey } from '../refresh/scope.js'
import type { LiveOptions } from './contract.js'

/**
 * The identity of a live query: SQL, parameters, scope, and every option that decides when it refreshes. It is computed,
 * never named by the application, so that two users can only share rows that each of them would be given alone.
 * `id` and `onError` belong to the handle.
 */
export function identityOf<DB, Row>(
  sql: string,
  parameters: readonly unknown[],
  options: LiveOptions<DB, Row>,
  throttleMs: number,
): string {
  const content = JSON.stringify([
    sql,
    parameters.map(encode),
    scopeKey(options.scope ?? {}),
    throttleMs,
    options.refreshEvery ?? null,
    [...(options.dependsOn ?? [])].sort(),
    encode(options.refresh),
  ])
  // The content itself would be the longest text that a live query holds.
  return hash('sha256', content, 'base64')
}

/**
 * A text that differs wherever PostgreSQL could see a difference. Functions are told apart by reference, and so are objects
 * of which nobody but they themselves know what they are.
 */
function encode(value: unknown): unknown {
  switch (typeof value) {
    case 'undefined':
      return ['undefined']
    case 'string':
      return value
    case 'bigint':
    case 'number':
    case 'boolean':
    case 'symbol':
      return [typeof value, Object.is(value, -0) ? '-0' : String(value)]
    case 'function':
      return ['function', referenceOf(value)]
    case 'object':
      return encodeObject(value)
  }
}

function encodeObject(value: object | null): unknown {
  if (value === null) return null
  if (value instanceof Date) return ['date', value.getTime()]
  if (ArrayBuffer.isView(value)) {
    return ['bytes', Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')]
  }
  if (Array.isArray(value)) return ['array', value.map(encode)]
  if (!isPlain(value)) return ['object', referenceOf(value)]
  return ['object', Object.entries(value).map(([key, entry]) => [key, encode(entry)])]
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  const { toPostgres, toJSON } = value as { toPostgres?: unknown; toJSON?: unknown }
  return (prototype === Object.prototype || prototype === null) && toPostgres === undefined && toJSON === undefined
}

const references = new WeakMap<object, number>()
let lastReference = 0

function referenceOf(value: object): number {
  let reference = references.get(value)
  if (reference === undefined) references.set(value, (reference = ++lastReference))
  return reference
}
