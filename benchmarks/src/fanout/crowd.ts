import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Transport } from '../harness/transport.js'
import type { Order, Report } from './sockets.js'

/** Many clients in a process of their own. */
export class Crowd implements AsyncDisposable {
  readonly #process: ChildProcess = fork(fileURLToPath(new URL('sockets.ts', import.meta.url)))

  async connect(port: number, count: number, transport: Transport, request: string): Promise<void> {
    const connected = this.#next('connected')
    this.#send({ kind: 'connect', port, count, transport, request })
    await connected
  }

  /** Closes all connections. */
  async leave(): Promise<void> {
    await this.connect(0, 0, 'SSE', '')
  }

  /** CPU microseconds of this process, and bytes on the wire, until each client has been sent `text` by what `send` does. */
  async receive(text: string, send: () => unknown): Promise<{ readonly cpu: number; readonly bytes: number }> {
    this.#send({ kind: 'expect', text })
    const arrived = this.#next('arrived')
    const before = process.cpuUsage()
    await send()
    const { bytes } = await arrived
    const { user, system } = process.cpuUsage(before)
    return { cpu: user + system, bytes }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return new Promise((resolve) => {
      this.#process.once('exit', () => resolve())
      this.#process.disconnect()
    })
  }

  #send(order: Order): void {
    this.#process.send(order)
  }

  #next(kind: Report['kind']): Promise<Report> {
    return new Promise((resolve, reject) => {
      const fail = () => reject(new Error('The clients’ process has ended.'))
      this.#process.once('exit', fail)
      this.#process.once('message', (report: Report) => {
        this.#process.off('exit', fail)
        if (report.kind === kind) resolve(report)
        else reject(new Error(`Expected ${kind}, got ${report.kind}.`))
      })
    })
  }
}

/** What a client with `liveLink` asks for, as tRPC's links write it. */
export function subscribeRequest(
  transport: Transport,
  path: string,
  transformer?: { serialize(value: unknown): unknown },
): string {
  const announced = { '~live': { protocol: 2, transformer: transformer !== undefined, shape: 'undefined' } }
  const input = transformer ? transformer.serialize(announced) : announced
  if (transport === 'SSE') return `/trpc/${path}?input=${encodeURIComponent(JSON.stringify(input))}`
  return JSON.stringify({ id: 1, method: 'subscription', params: { path, input } })
}
