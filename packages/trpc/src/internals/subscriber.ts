/** The way of values to whoever they are for. */
export interface Outlet<Value> {
  /** True when a value may be handed over now; else `onRoom` is called, once, when it may. */
  hasRoom(onRoom: () => void): boolean
  /** True: the value has been sent past the reader, who goes on waiting. False: it goes through the reader, as ever. */
  deliver?(value: Value): boolean
  close(): void
}

/** What a subscriber reads from. Opened when the first value is asked for, so that nothing is held before. */
export interface Source<Value> extends Outlet<Value> {
  /** The newest value that is owed; undefined: none. Counts as handed over. */
  take(): { readonly value: Value } | undefined
}

export interface SourceEvents {
  /** A value may be owed. */
  readonly onChange: () => void
  /** No value will come any more. */
  readonly onError: (error: unknown) => void
}

/** Resolves to what opens the source: whoever asked may have left in the meantime, and then it is not opened at all. */
export type PrepareSource<Value> = (events: SourceEvents) => Promise<() => Source<Value>>

interface Waiter<Value> {
  readonly resolve: (result: IteratorResult<Value, void>) => void
  readonly reject: (error: unknown) => void
}

const DONE: IteratorReturnResult<void> = { done: true, value: undefined }

/**
 * The iterator that tRPC pulls from. Written by hand, because a generator answers `return()` only after the value that
 * it waits for: here `return()` and `signal` each end it at once, and settle a pending `next()`.
 *
 *   idle ──next()──► open ──┬──return() or signal──► done
 *                           └──error──► next() rejects ──► done
 *
 * Latest wins: nothing is queued. A value is made when it is asked for, from the state of that moment.
 */
export class Subscriber<Value> implements AsyncIterableIterator<Value, void, unknown> {
  readonly #prepare: PrepareSource<Value>
  readonly #signal: AbortSignal | undefined
  readonly #waiters: Waiter<Value>[] = []
  #state: 'idle' | 'open' | 'done' = 'idle'
  #source: Source<Value> | undefined
  #failure: { readonly error: unknown } | undefined

  constructor(prepare: PrepareSource<Value>, signal: AbortSignal | undefined) {
    this.#prepare = prepare
    this.#signal = signal
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<Value, void>> {
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject })
      if (this.#state === 'idle') this.#begin()
      this.#settle()
    })
  }

  return(): Promise<IteratorResult<Value, void>> {
    this.#end()
    return Promise.resolve(DONE)
  }

  #begin(): void {
    if (this.#signal?.aborted) return this.#end()
    this.#state = 'open'
    this.#signal?.addEventListener('abort', this.#end, { once: true })
    this.#prepare({ onChange: this.#settle, onError: this.#fail })
      .then((open) => {
        if (this.#state === 'done') return
        this.#source = open()
        this.#settle()
      })
      .catch(this.#fail)
  }

  readonly #settle = (): void => {
    while (this.#waiters.length > 0) {
      if (this.#state === 'done') {
        const waiter = this.#waiters.shift()!
        if (this.#failure) waiter.reject(this.#failure.error)
        else waiter.resolve(DONE)
        this.#failure = undefined
        continue
      }
      if (!this.#source?.hasRoom(this.#settle)) return
      if (!this.#hand(this.#source)) return
    }
  }

  /** A mapper or transformer of the application may throw. */
  #hand(source: Source<Value>): boolean {
    try {
      const taken = source.take()
      if (!taken) return false
      if (!source.deliver?.(taken.value)) this.#waiters.shift()?.resolve({ done: false, value: taken.value })
      return true
    } catch (error) {
      this.#fail(error)
      return false
    }
  }

  readonly #fail = (error: unknown): void => {
    if (this.#state === 'done') return
    this.#failure = { error }
    this.#end()
  }

  readonly #end = (): void => {
    if (this.#state === 'done') return
    this.#state = 'done'
    this.#signal?.removeEventListener('abort', this.#end)
    const source = this.#source
    this.#source = undefined
    source?.close()
    this.#settle()
  }
}
