import type { Random } from './clock.js'

export interface BackoffOptions {
  readonly firstMs: number
  readonly maxMs: number
}

/** Exponential backoff with full jitter in its upper half: attempt 0 waits between half of `firstMs` and `firstMs`. */
export function backoffDelay(attempt: number, options: BackoffOptions, random: Random): number {
  const ceiling = Math.min(options.maxMs, options.firstMs * 2 ** Math.min(attempt, 30))
  return ceiling / 2 + (random() * ceiling) / 2
}
