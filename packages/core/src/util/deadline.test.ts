import { expect, test } from 'vitest'
import { ManualClock } from '../../test/support/clock.js'
import { startDeadline } from './deadline.js'

const turn = () => new Promise((resolve) => setImmediate(resolve))

test('it calls back when the time has passed', async () => {
  const clock = new ManualClock()
  let passed = 0
  startDeadline(clock, 100, () => (passed += 1))
  await turn()
  clock.advance(99)
  expect(passed).toBe(0)
  clock.advance(1)
  expect(passed).toBe(1)
})

test('what ends in the same turn sets no timer, and what ends later leaves none', async () => {
  const clock = new ManualClock()
  const end = startDeadline(clock, 100, () => expect.unreachable())
  end()
  await turn()
  expect(clock.pending).toBe(0)
  const endLater = startDeadline(clock, 100, () => expect.unreachable())
  await turn()
  expect(clock.pending).toBe(1)
  endLater()
  expect(clock.pending).toBe(0)
})
