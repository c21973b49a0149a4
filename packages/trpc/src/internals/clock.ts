/** Timers, passed in so that tests decide what time it is. */
export interface Clock {
  setTimeout(callback: () => void, delayMs: number): unknown
  clearTimeout(timer: unknown): void
}

export const systemClock: Clock = {
  setTimeout: (callback, delayMs) => {
    const timer: unknown = setTimeout(callback, delayMs)
    // On Node, nothing here is a reason for the process to live on; browsers have plain numbers.
    if (typeof timer === 'object' && timer !== null) (timer as { unref?: () => void }).unref?.()
    return timer
  },
  clearTimeout: (timer) => clearTimeout(timer as ReturnType<typeof setTimeout>),
}
