/**
 * Set up before each test file. A test that awaits a condition says nothing about how long it may take: on a busy machine
 * that can be much longer than the second that vitest allows by default.
 */
import { vi } from 'vitest'

const PATIENCE_MS = 20_000
const { waitFor } = vi

vi.waitFor = (callback, options) =>
  waitFor(callback, typeof options === 'number' ? options : { timeout: PATIENCE_MS, ...options })
