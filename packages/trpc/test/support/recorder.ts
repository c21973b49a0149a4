import { vi } from 'vitest'

interface Callbacks<Data> {
  onData(data: Data): void
  onError(error: unknown): void
  onComplete(): void
  onStarted(): void
  onStopped(): void
  onConnectionStateChange(state: { readonly state: string }): void
}

/** Everything that a subscription told its application. */
export class Recorder<Data> implements Disposable {
  readonly data: Data[] = []
  readonly errors: unknown[] = []
  readonly states: string[] = []
  isComplete = false
  readonly #subscription: { unsubscribe(): void }

  constructor(subscribe: (callbacks: Callbacks<Data>) => { unsubscribe(): void }) {
    this.#subscription = subscribe({
      onData: (data) => this.data.push(data),
      onError: (error) => this.errors.push(error),
      onComplete: () => (this.isComplete = true),
      onStarted: () => this.states.push('started'),
      onStopped: () => this.states.push('stopped'),
      onConnectionStateChange: ({ state }) => this.states.push(state),
    })
  }

  get last(): Data | undefined {
    return this.data.at(-1)
  }

  /** Waits until the newest data meets the condition. */
  async until(condition: (data: Data) => boolean): Promise<Data> {
    return vi.waitFor(() => {
      if (this.errors.length > 0) throw new Error('the subscription failed', { cause: this.errors[0] })
      const { last } = this
      if (this.data.length === 0 || !condition(last as Data))
        throw new Error(`still ${JSON.stringify(this.data.length)} events`)
      return last as Data
    }, WAIT)
  }

  async failure(): Promise<unknown> {
    return vi.waitFor(() => {
      if (this.errors.length === 0) throw new Error('no error yet')
      return this.errors[0]
    }, WAIT)
  }

  unsubscribe(): void {
    this.#subscription.unsubscribe()
  }

  [Symbol.dispose](): void {
    this.unsubscribe()
  }
}

// Tests with sockets wait longer on a machine under load.
vi.setConfig({ testTimeout: 30_000 })

/** For `vi.waitFor`: long enough for a machine under load, looked at often. */
export const WAIT = { timeout: 10_000, interval: 5 }
