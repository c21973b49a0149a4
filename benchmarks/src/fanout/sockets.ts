/**
 * A process of clients: bare TCP sockets that speak as much of WebSocket or HTTP as it takes to subscribe, so that what they
 * cost does not count for the server. Reports when all of them have been sent a text.
 */
import { connect, type Socket } from 'node:net'

export type Order =
  | {
      readonly kind: 'connect'
      readonly port: number
      readonly count: number
      readonly transport: 'WebSocket' | 'SSE'
      readonly request: string
    }
  | { readonly kind: 'expect'; readonly text: string }

export interface Report {
  readonly kind: 'connected' | 'arrived'
  /** Bytes that all sockets received since the last report. */
  readonly bytes: number
}

const AT_ONCE = 100
let sockets: Socket[] = []
let bytes = 0
let expected: { readonly text: string; readonly missing: Set<Socket> } | undefined

process.on('message', (order: Order) => {
  if (order.kind === 'connect') void connectAll(order).then(() => report('connected'))
  else expected = { text: order.text, missing: new Set(sockets) }
})
process.on('disconnect', () => process.exit())

function report(kind: Report['kind']): void {
  const sum = bytes
  bytes = 0
  process.send!({ kind, bytes: sum } satisfies Report)
}

async function connectAll(order: Order & { kind: 'connect' }): Promise<void> {
  for (const socket of sockets) socket.destroy()
  sockets = []
  while (sockets.length < order.count) {
    const count = Math.min(AT_ONCE, order.count - sockets.length)
    sockets.push(...(await Promise.all(Array.from({ length: count }, () => connectOne(order)))))
  }
}

/** Resolves with the first data after the request. */
function connectOne({ port, transport, request }: Order & { kind: 'connect' }): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    let isUpgraded = transport === 'SSE'
    socket.on('error', reject)
    socket.on('data', (data) => {
      bytes += data.length
      if (isUpgraded) {
        resolve(socket)
        return arrived(socket, data)
      }
      isUpgraded = true
      if (request === '') resolve(socket)
      else socket.write(textFrame(request))
    })
    socket.write(transport === 'SSE' ? get(request) : UPGRADE)
  })
}

function arrived(socket: Socket, data: Buffer): void {
  if (!expected?.missing.has(socket) || !data.includes(expected.text)) return
  expected.missing.delete(socket)
  if (expected.missing.size === 0) report('arrived')
}

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n`
const UPGRADE =
  'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
  'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'

/** A masked text frame; the mask is zero. */
function textFrame(text: string): Buffer {
  const body = Buffer.from(text)
  const length = body.length < 126 ? [0x80 | body.length] : [0x80 | 126, body.length >> 8, body.length & 0xff]
  return Buffer.concat([Buffer.from([0x81, ...length, 0, 0, 0, 0]), body])
}
