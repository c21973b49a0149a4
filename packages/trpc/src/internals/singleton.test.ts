import { expect, test, vi } from 'vitest'
import { singleton } from './singleton.js'

test('one value per name, also for a second copy of the module, as a hot reload makes', async () => {
  const create = vi.fn(() => ({}))
  const first = singleton('singleton.test', create)
  vi.resetModules()
  const copy = await import('./singleton.js')
  expect(copy.singleton).not.toBe(singleton)
  expect(copy.singleton('singleton.test', create)).toBe(first)
  expect(copy.singleton('singleton.test.other', create)).not.toBe(first)
  expect(create).toHaveBeenCalledTimes(2)
})

test('a value that could not be made is tried again', () => {
  expect(() =>
    singleton('singleton.test.failing', () => {
      throw new Error('no database')
    }),
  ).toThrow('no database')
  expect(singleton('singleton.test.failing', () => 1)).toBe(1)
})
