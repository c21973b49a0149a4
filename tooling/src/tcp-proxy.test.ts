import { once } from 'node:events'
import { type Server, type Socket, connect, createServer } from 'node:net'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createTcpProxy } from './tcp-proxy.js'

let echo: Server
let target: { host: string; port: number }

beforeAll(async () => {
  echo = createServer((socket) => socket.on('error', () => undefined).pipe(socket)).listen(0, '127.0.0.1')
  await once(echo, 'listening')
  target = { host: '127.0.0.1', port: (echo.address() as { port: number }).port }
})
afterAll(() => {
  echo.close()
})

const dial = (port: number) => connect({ port, host: '127.0.0.1' }).on('error', () => undefined)

const open = async (port: number) => {
  const socket = dial(port)
  await once(socket, 'connect')
  return socket
}

/** Not `once`, which rejects when the connection is reset. */
const closeOf = (socket: Socket) => new Promise((resolve) => socket.once('close', resolve))

const echoOf = async (socket: Socket, text: string) => {
  const answer = once(socket, 'data')
  socket.write(text)
  return String((await answer)[0])
}

it('passes bytes in both directions', async () => {
  await using proxy = await createTcpProxy(target)
  const socket = await open(proxy.port)
  expect(await echoOf(socket, 'hello')).toBe('hello')
  expect(proxy.connections).toBe(1)
})

it('resets open connections when cut, refuses new ones, and passes again when restored', async () => {
  await using proxy = await createTcpProxy(target)
  const socket = await open(proxy.port)
  await echoOf(socket, 'hello')
  const closed = closeOf(socket)
  proxy.cut()
  await closed
  await closeOf(dial(proxy.port))
  expect(proxy.connections).toBe(0)

  proxy.restore()
  expect(await echoOf(await open(proxy.port), 'again')).toBe('again')
})

it('holds bytes back in a black hole, old and new connections alike, and delivers them when restored', async () => {
  await using proxy = await createTcpProxy(target)
  const before = await open(proxy.port)
  await echoOf(before, 'hello')
  proxy.blackhole()
  const during = await open(proxy.port)
  const received: string[] = []
  for (const [name, socket] of Object.entries({ before, during })) {
    socket.on('data', (data) => received.push(String(data)))
    socket.write(name)
  }
  // Far longer round trips through the same event loop and kernel end while nothing comes through the proxy.
  const direct = await open(target.port)
  for (let round = 0; round < 20; round++) await echoOf(direct, 'direct')
  direct.destroy()
  expect(received).toEqual([])

  proxy.restore()
  await expect.poll(() => received.toSorted()).toEqual(['before', 'during'])
})

it('kills only the connections of the moment', async () => {
  await using proxy = await createTcpProxy(target)
  const socket = await open(proxy.port)
  await echoOf(socket, 'hello')
  const closed = closeOf(socket)
  proxy.killConnections()
  await closed
  expect(await echoOf(await open(proxy.port), 'new')).toBe('new')
})

it('puts itself into a connection string', async () => {
  await using proxy = await createTcpProxy(target)
  expect(proxy.through('postgresql://u:p@db.example:5432/shop?x=1')).toBe(
    `postgresql://u:p@127.0.0.1:${proxy.port}/shop?x=1`,
  )
})
