import type { Guess } from '../../src/refresh/foresight.js'

/** Whoever was refreshed in one tick is expected in the next one, whatever it costs and however often that was wrong. */
export const EVERYBODY: Guess = { most: 64, cheapMs: Infinity, fewestTicks: 1, mostTicks: 1 }

/** The log is read alone. */
export const NOBODY: Guess = { ...EVERYBODY, most: 0 }
