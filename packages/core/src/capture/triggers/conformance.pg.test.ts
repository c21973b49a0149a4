import { describeChangeSource } from '../conformance.fixture.js'
import type { SourceHarness } from '../source-harness.fixture.js'
import { triggerSource } from './trigger-source.fixture.js'
import type { TriggerSource } from './trigger-source.js'

describeChangeSource('triggers that ring', { create: triggerSource() })

describeChangeSource('triggers that are silent, because a reader is awake', {
  create: triggerSource(),
  prepare: beBusy,
  onlyTiming: true,
})

describeChangeSource('triggers without a doorbell', { create: triggerSource({ doorbell: false }), onlyTiming: true })

/** Writes until the reader polls. */
async function beBusy(harness: SourceHarness<TriggerSource>): Promise<void> {
  await harness.run('create table load (id int)')
  await harness.watch('load')
  while (harness.source.wakefulness?.kind !== 'awake') {
    for (let n = 0; n < 5; n += 1) await harness.run('insert into load values (1)')
    await harness.changes()
  }
  await harness.source.settled()
}
