import { ServerResponse, IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { expect, test } from 'vitest'
import { liveSocket, responseOf, socketOf } from './live-socket.js'

test('carries a WebSocket through contexts that are copied', () => {
  const socket = { bufferedAmount: 0, readyState: 1 }
  const context = { ...{ user: 'ann', ...liveSocket(socket) }, extra: 1 }
  expect(socketOf(context)).toBe(socket)
  expect(responseOf(context)).toBeUndefined()
})

test('carries a response of Node', () => {
  const response = new ServerResponse(new IncomingMessage(new Socket()))
  const context = { ...liveSocket(response) }
  expect(responseOf(context)).toBe(response)
  expect(socketOf(context)).toBeUndefined()
})

test.each([undefined, null, {}, { statusCode: 200 }, new Response()])('adds nothing for %j', (response) => {
  expect(Reflect.ownKeys(liveSocket(response))).toEqual([])
  expect(socketOf(liveSocket(response))).toBeUndefined()
  expect(responseOf(liveSocket(response))).toBeUndefined()
})
