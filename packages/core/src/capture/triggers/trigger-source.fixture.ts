import type { Client } from 'pg'
import { systemClock } from '../../util/clock.js'
import { createTriggerSource, type TriggerSource, type TriggerSourceOptions } from './trigger-source.js'

/** A factory for a harness: the defaults of the engine, and what a test wants otherwise. */
export function triggerSource(
  options: Partial<TriggerSourceOptions> = {},
): (connect: () => Promise<Client>) => TriggerSource {
  return (connect) =>
    createTriggerSource({
      schema: '_pg_realtime',
      install: 'auto',
      installer: connect,
      doorbell: undefined,
      exclude: new Map(),
      safetyPollMs: 5_000,
      clock: systemClock,
      random: Math.random,
      ...options,
    })
}
