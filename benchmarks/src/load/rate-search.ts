import { fork, type ChildProcess } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import { percentile } from '../harness/measure.js'
import type { Shown } from './shown.js'
import type { Write, WriteOrder, Written } from './writer.js'

/** p99 from sending a write to the client's callback may be so late. */
export const LATEST_MS = 2_000
const FIRST_RATE = 200
const FACTOR = 3
const HIGHEST_RATE = 50_000

export interface Step {
  readonly rate: number
  readonly achieved: number
  readonly p99: number
  readonly verdict: 'in time' | 'late' | 'the writers themselves are slower'
}

export class Writers implements AsyncDisposable {
  readonly #child: ChildProcess

  private constructor(child: ChildProcess) {
    this.#child = child
  }

  static async start(connectionString: string): Promise<Writers> {
    const script = new URL('./writer.ts', import.meta.url).pathname
    const writers = new Writers(fork(script, [connectionString]))
    await writers.#message()
    return writers
  }

  async write(order: WriteOrder): Promise<Written> {
    this.#child.send(order)
    return (await this.#message()) as Written
  }

  #message(): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#child.once('exit', reject)
      this.#child.once('message', (message) => {
        this.#child.off('exit', reject)
        resolve(message)
      })
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once('exit', resolve))
    this.#child.disconnect()
    await ended
  }
}

export async function step(writers: Writers, shown: Shown, order: WriteOrder): Promise<Step> {
  shown.forget()
  const { writes, seconds } = await writers.write(order)
  let latencies = latenciesOf(writes, shown)
  const deadline = performance.now() + LATEST_MS + 100
  while (latencies.includes(Infinity) && performance.now() < deadline) {
    await delay(200)
    latencies = latenciesOf(writes, shown)
  }
  const achieved = writes.length / seconds
  const p99 = percentile(latencies, 0.99)
  const isSlow = achieved < order.rate * 0.9
  // Where nobody watches what was written, nothing can be late.
  const verdict =
    latencies.length > 0 && !(p99 <= LATEST_MS) ? 'late' : isSlow ? 'the writers themselves are slower' : 'in time'
  return { rate: order.rate, achieved, p99, verdict }
}

function latenciesOf(writes: readonly Write[], shown: Shown): number[] {
  return writes.map((write) => shown.latency(write)).filter((latency) => latency !== undefined)
}

/** Raises the rate until it is too high, and halves the gap twice. The rate reached, and what ended the search. */
export async function highestRate(
  measure: (rate: number) => Promise<Step>,
): Promise<{ readonly rate: number; readonly end: string; readonly p99: number }> {
  let best: Step | undefined
  let tooHigh: Step | undefined
  for (let rate = FIRST_RATE; rate <= HIGHEST_RATE && !tooHigh; rate *= FACTOR) {
    const result = await measure(rate)
    if (result.verdict === 'late') tooHigh = result
    else if (!best || result.achieved > best.achieved) best = result
    if (result.verdict === 'the writers themselves are slower') break
  }
  // Also slower than the first rate is possible.
  for (let n = 0; n < 2 && tooHigh; n += 1) {
    const result = await measure(((best?.achieved ?? 0) + tooHigh.rate) / 2)
    if (result.verdict === 'late') tooHigh = result
    else if (!best || result.achieved > best.achieved) best = result
  }
  const end = tooHigh ? `late at ${Math.round(tooHigh.rate)}/s` : 'the writers are at their limit'
  return { rate: best?.achieved ?? 0, end, p99: best?.p99 ?? Number.NaN }
}
