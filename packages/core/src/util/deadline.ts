import type { Clock } from './clock.js'

/**
 * Calls back after so long, unless it is ended before; returns its end. The timer is set when the present turn of the event
 * loop is over: after some rest that takes as long as a tenth of a round trip, and by then what is waited for is on its way,
 * or was there at once.
 */
export function startDeadline(clock: Clock, delayMs: number, onPassed: () => void): () => void {
  let timer: unknown
  let isOver = false
  setImmediate(() => {
    if (!isOver) timer = clock.setTimeout(onPassed, delayMs)
  })
  return () => {
    isOver = true
    clock.clearTimeout(timer)
  }
}
