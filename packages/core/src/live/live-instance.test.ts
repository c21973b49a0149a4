import { expect, test } from 'vitest'
import type { Plan } from '../analyze/plan.js'
import { ConnectionLostError } from '../errors.js'
import { Schedule } from '../refresh/schedule.js'
import { systemClock } from '../util/clock.js'
import { LiveInstance } from './live-instance.js'

test('an answer that a lost connection left behind makes nothing live', () => {
  const instance = new LiveInstance({
    identity: 'one',
    shape: { sql: 'select 1', node: undefined },
    parameters: [],
    options: {},
    schedule: new Schedule(0, systemClock, Math.random),
    filter: undefined,
    transform: undefined,
    host: { now: () => 0, onError: () => {}, refreshed: () => {} },
  })
  instance.plan = { ordered: true } as Plan
  const answer = (tick: number, value: string) => {
    instance.schedule.mark(tick, { kind: 'interval' })
    instance.schedule.begin(tick)
    const content = { kind: 'rows', rows: [[value]] } as const
    const fields = [{ name: 'value', typeOid: 25 }]
    const accepted = instance.accept({ fields, content, parser: () => (text) => text }, `1.1.${tick}:${tick}:`)
    instance.schedule.succeed()
    if (accepted instanceof Promise) throw new Error('nothing here takes time')
    return accepted
  }
  answer(1, 'a').publish()
  expect(instance.state).toMatchObject({ status: 'live', rows: [{ value: 'a' }] })
  const late = answer(2, 'b')
  const error = new ConnectionLostError('The connection is lost.')
  instance.markStale({ error, tick: 2 })
  late.publish()
  expect(instance.state).toMatchObject({ status: 'stale', error, rows: [{ value: 'b' }] })
  answer(3, 'c').publish()
  expect(instance.state).toMatchObject({ status: 'live', error: undefined, rows: [{ value: 'c' }] })
})
