import type { ServerResponse } from 'node:http'
import { createGunzip, createGzip } from 'node:zlib'
import superjson from 'superjson'
import { expect, test, vi } from 'vitest'
import { Projection } from '../src/internals/projection.js'
import { readMessage } from '../src/protocol.js'
import { FakeRealtime } from './support/fake-realtime.js'
import { onWrite, serveRaw, type RawClient, type RawServerOptions } from './support/raw-events.js'
import { Recorder, WAIT } from './support/recorder.js'
import { openSession, untilFree } from './support/session.js'
import { createShop, order, type OrderRow, type Shop, type ShopOptions } from './support/shop.js'
import { standalonePast } from './support/transports.js'

const one = [order(1)]

/** A server with one live query, whose only row changes as the test says. */
async function setup(options: ShopOptions & Pick<RawServerOptions, 'onResponse'> = {}) {
  const realtime = new FakeRealtime<Shop>(() => one)
  const router = createShop(realtime, { live: { graceMs: 0 }, ...options })
  const server = await serveRaw(router, { transformer: superjson, ...options })
  const show = (code: string) => realtime.commit(() => [order(1, code)])
  return { realtime, server, show, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
}

/** The numbers of the states that a client was led to, in the order in which it was. */
const numbers = ({ messages }: RawClient) => messages.map(({ id }) => Number(/\.(\d+)$/.exec(id!)![1]))
const hasBegun = ({ messages }: RawClient) => messages.length > 0
const shows = (code: string) => (client: RawClient) => client.messages.at(-1)?.data?.includes(code) === true

test('past the first event, events are written in one piece, byte by byte as tRPC writes them', async () => {
  await using shop = await setup()
  const past = shop.server.subscribe('all')
  const through = shop.server.subscribe('all', { isPast: false })
  await Promise.all([past.until(hasBegun), through.until(hasBegun)])
  for (const code of ['new', 'ünï', 'last']) {
    shop.show(code)
    await Promise.all([past, through].map((client) => client.until(shows(JSON.stringify(code).slice(1, -1)))))
  }
  await vi.waitFor(() => expect(past.text).toBe(through.text), WAIT)
  expect(past.whole).toHaveLength(3)
  expect(through.whole).toHaveLength(0)
})

test.each([
  ['a patch', () => [order(1, 'new')]],
  ['all rows', () => Array.from({ length: 30 }, (_, index) => order(index + 1, 'new'))],
])('%s is made into text once for all who are sent it', async (_, answer) => {
  await using shop = await setup()
  const clients = Array.from({ length: 5 }, () => shop.server.subscribe('all'))
  await Promise.all(clients.map((client) => client.until(hasBegun)))
  const serialize = vi.spyOn(superjson, 'serialize')
  shop.realtime.commit(answer)
  await Promise.all(clients.map((client) => client.until(shows('new'))))
  expect(serialize.mock.calls.filter(([value]) => readMessage(value))).toHaveLength(1)
  serialize.mockRestore()
})

test('a client without liveLink is sent plain rows through tRPC on the same server', async () => {
  await using shop = await setup()
  const plain = shop.server.subscribe('all', { link: false })
  await plain.until(hasBegun)
  const linked = shop.server.subscribe('all')
  await linked.until(hasBegun)
  shop.show('new')
  await Promise.all([linked.until(shows('new')), plain.until(shows('new'))])
  expect(linked.whole).toHaveLength(1)
  expect(plain.whole).toHaveLength(0)
  expect(shop.server.responses.map((response) => Object.hasOwn(response, 'write'))).toEqual([false, true])
  expect(plain.messages.map(({ id }) => id)).toEqual([undefined, undefined])
  expect(superjson.parse(plain.messages[1]!.data!)).toEqual([order(1, 'new')])
})

test('changes while the first event is on its way through tRPC come after it, each in its order', async () => {
  const codes = ['in data', 'in id', 'at the end', 'in between', 'later', 'last']
  await using shop = await setup({
    onResponse: (response) =>
      onWrite(response, (text) => {
        if (/^(data: \{"json|id: |\n\n)/.test(text) && codes.length > 2) shop.show(codes.shift()!)
      }),
  })
  const client = shop.server.subscribe('all')
  await vi.waitFor(() => expect(codes).toEqual(['later', 'last']), WAIT)
  await client.until(shows('in between'))
  for (const code of codes) {
    shop.show(code)
    await client.until(shows(code))
  }
  expect(client.whole.length).toBeGreaterThan(1)
  expect(numbers(client)).toEqual(numbers(client).toSorted((left, right) => left - right))
  expect(new Set(numbers(client)).size).toBe(client.messages.length)
})

test.each(['event: ping\n', 'data: \n', '\n\n'])(
  'a change in the middle of a ping, behind %j, does not get into it',
  async (place) => {
    let isReady = false
    let isPing = false
    let count = 0
    await using shop = await setup({
      sse: { ping: { enabled: true, intervalMs: 10 } },
      onResponse: (response) =>
        onWrite(response, (text) => {
          if (text.includes('event: ')) isPing = text === 'event: ping\n'
          if (isReady && isPing && text === place && count < 20) shop.show(`change ${++count}`)
        }),
    })
    const client = shop.server.subscribe('all')
    await client.until(hasBegun)
    isReady = true
    await client.until(shows('change 20'))
    await client.until(({ events }) => events.at(-1)?.event === 'ping')
    expect(client.whole).toHaveLength(20)
    const pings = client.events.filter(({ event }) => event === 'ping')
    expect(pings.filter((ping) => ping.id !== undefined || ping.data !== '')).toEqual([])
    for (const { data, id } of client.messages) {
      expect(id).toBeDefined()
      expect(() => JSON.parse(data!) as unknown).not.toThrow()
    }
  },
)

const LARGE = 200_000

test('a client that stops reading is sent no more than it reads, and then the newest rows', async () => {
  await using shop = await setup()
  const client = shop.server.subscribe('all')
  await client.until(hasBegun)
  shop.show('first')
  await client.until(shows('first'))
  const [response] = shop.server.responses
  client.socket.pause()
  let mostUnsent = 0
  for (let id = 2; id <= 200; id++) {
    shop.show(String(id).padEnd(LARGE, 'x'))
    await new Promise((resolve) => setImmediate(resolve))
    mostUnsent = Math.max(mostUnsent, response!.writableLength)
  }
  expect(mostUnsent).toBeGreaterThan(0)
  expect(mostUnsent).toBeLessThan(3 * LARGE)
  client.socket.resume()
  await client.until(shows('200xxx'))
  expect(client.whole.length).toBeGreaterThan(2)
  expect(client.messages.length).toBeLessThan(150)
})

test.each(['reads', 'has stopped reading'])('a client that %s and goes leaves nothing behind', async (way) => {
  await using shop = await setup()
  const client = shop.server.subscribe('all')
  await client.until(hasBegun)
  shop.show('new')
  await client.until(shows('new'))
  if (way === 'has stopped reading') {
    client.socket.pause()
    for (let id = 2; id <= 100; id++) shop.show(String(id).padEnd(LARGE, 'x'))
  }
  client.socket.destroy()
  await untilFree(shop.realtime)
  expect(shop.server.responses[0]!.listenerCount('drain')).toBe(0)
  shop.show('nobody is there')
})

test('an error comes behind what was written before it, and ends the stream', async () => {
  await using shop = await setup()
  const client = shop.server.subscribe('labels')
  await client.until(hasBegun)
  shop.show('new')
  await client.until(shows('new'))
  const ended = new Promise((resolve) => shop.server.responses[0]!.once('finish', resolve))
  shop.show('bad')
  await ended
  await client.until(({ events }) => events.at(-1)?.event === 'serialized-error')
  expect(client.events.map(({ event }) => event)).toEqual(['connected', undefined, undefined, 'serialized-error'])
  expect(client.whole).toHaveLength(1)
  expect(shop.realtime.handles).toBe(0)
})

test('a client that comes back is sent what it missed behind the last event that was written past tRPC', async () => {
  const rows = Array.from({ length: 50 }, (_, index) => order(index + 1))
  const withFirst = (code: string) => [order(1, code), ...rows.slice(1)]
  const realtime = new FakeRealtime<Shop>(() => rows)
  await using session = await openSession(standalonePast, realtime, { link: true })
  const lines = vi.spyOn(Projection.prototype, 'lines')
  const since = vi.spyOn(Projection.prototype, 'patchesSince')
  using recorder = new Recorder<OrderRow[]>((callbacks) => session.client.all.subscribe(undefined, callbacks))
  await recorder.until((data) => data.length === 50)
  realtime.commit(() => withFirst('past'))
  await recorder.until((data) => data[0]!.code === 'past')
  session.served.cut()
  realtime.commit(() => withFirst('missed'))
  await recorder.until((data) => data[0]!.code === 'missed')
  expect(lines).toHaveBeenCalledTimes(1)
  // What it said to hold: the state after the first change, not the first rows.
  expect(since.mock.calls.at(-1)![0].state).toMatch(/\.1$/)
  lines.mockRestore()
  since.mockRestore()
})

test('a middleware that compresses sends each event at once', async () => {
  const onResponse = (response: ServerResponse & { flush?: () => void }) => {
    const gzip = createGzip()
    const [write, end] = [response.write.bind(response), response.end.bind(response)]
    gzip.on('data', (data) => write(data)).on('end', () => end())
    response.setHeader('content-encoding', 'gzip')
    Object.assign(response, {
      write: (chunk: Uint8Array) => gzip.write(chunk),
      end: () => gzip.end(),
      flush: () => gzip.flush(),
    })
  }
  await using shop = await setup({ onResponse })
  let text = ''
  const client = shop.server.subscribe('all')
  client.body.pipe(createGunzip()).on('data', (data: Buffer) => (text += data.toString()))
  for (const code of ['first', 'second']) {
    await vi.waitFor(() => expect(text).toMatch(/id: .*\n\n\n$/), WAIT)
    shop.show(code)
    await vi.waitFor(() => expect(text).toContain(code), WAIT)
  }
})
