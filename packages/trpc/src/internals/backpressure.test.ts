import { expect, test, vi } from 'vitest'
import { ManualClock } from '../../test/support/manual-clock.js'
import { Backpressure } from './backpressure.js'

function setup(bufferedAmount: number) {
  const socket = { bufferedAmount, readyState: 1 }
  const clock = new ManualClock()
  const onRoom = vi.fn()
  return { socket, clock, onRoom, pressure: new Backpressure(socket, 100, clock) }
}

test('a socket with little unsent has room', () => {
  const { pressure, onRoom, clock } = setup(100)
  expect(pressure.hasRoom(onRoom)).toBe(true)
  expect(clock.pending).toBe(0)
})

test('a socket with much unsent has none until it was read', () => {
  const { pressure, onRoom, clock, socket } = setup(101)
  expect(pressure.hasRoom(onRoom)).toBe(false)
  clock.advance(10_000)
  expect(onRoom).not.toHaveBeenCalled()
  socket.bufferedAmount = 0
  clock.advance(250)
  expect(onRoom).toHaveBeenCalledTimes(1)
  expect(clock.pending).toBe(0)
})

test('asking again and again looks no more often', () => {
  const { pressure, onRoom, clock } = setup(101)
  for (let count = 0; count < 10; count++) pressure.hasRoom(onRoom)
  expect(clock.pending).toBe(1)
})

test('a closing socket holds nobody back', () => {
  const { pressure, onRoom, socket } = setup(101)
  socket.readyState = 2
  expect(pressure.hasRoom(onRoom)).toBe(true)
})

test('without a socket there is always room', () => {
  expect(new Backpressure(undefined, 0, new ManualClock()).hasRoom(() => {})).toBe(true)
})

test('closing stops the look-out', () => {
  const { pressure, onRoom, clock } = setup(101)
  pressure.hasRoom(onRoom)
  pressure.close()
  expect(clock.pending).toBe(0)
})
