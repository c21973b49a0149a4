import { createHash } from 'node:crypto'
import { LARGE_BYTES } from './settings.js'

/** A value as it is, or the digest that a writer's trigger would have made of it, where it is large. */
export function digestLarge(value: string | null): string | null {
  if (value === null || value.length * 3 <= LARGE_BYTES) return value
  if (Buffer.byteLength(value) <= LARGE_BYTES) return value
  return createHash('sha256').update(value).digest('hex')
}
