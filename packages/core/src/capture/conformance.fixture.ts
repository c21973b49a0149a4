/**
 * What every change source must do, whatever it is made of: run it with a factory, once per way of working.
 *
 *     describeChangeSource('triggers, always ringing', { create: (connect) => createTriggerSource(…) })
 */
import { describe, expect, onTestFinished, test } from 'vitest'
import type { ChangeSource } from './contract.js'
import { dataCases } from './conformance-data.fixture.js'
import { partitionCases } from './conformance-partitions.fixture.js'
import { timingCases } from './conformance-timing.fixture.js'
import { SourceHarness, type SourceFactory } from './source-harness.fixture.js'

export interface ConformanceOptions<Source extends ChangeSource> {
  readonly create: SourceFactory<Source>
  /** Brings a started source into the way of working that is to be tested. */
  readonly prepare?: (harness: SourceHarness<Source>) => Promise<void>
  /** Which rows a batch holds does not depend on the way of working: it is enough to test it in one. */
  readonly onlyTiming?: boolean
}

/** Opens a harness for one test, and closes it after. */
export type Open = () => Promise<SourceHarness>

export function describeChangeSource<Source extends ChangeSource>(
  name: string,
  options: ConformanceOptions<Source>,
): void {
  describe(name, () => {
    const open = async (): Promise<SourceHarness> => {
      const harness = await SourceHarness.open(options.create)
      onTestFinished(() => harness[Symbol.asyncDispose]())
      await options.prepare?.(harness)
      return harness
    }
    const another = async (harness: SourceHarness): Promise<SourceHarness> => {
      const second = await SourceHarness.open(options.create, harness.database)
      onTestFinished(() => second[Symbol.asyncDispose]())
      return second
    }

    test('the first batch after a start is a gap', async () => {
      const harness = await open()
      const second = await another(harness)
      await second.source.stop()
      await second.source.start(second.control, { wake: () => {}, onError: () => {} })
      expect((await second.read()).gap).toBeDefined()
      expect((await second.read()).gap).toBeUndefined()
    })

    if (!options.onlyTiming) {
      dataCases(open)
      partitionCases(open)
    }
    timingCases(open, another)
  })
}
