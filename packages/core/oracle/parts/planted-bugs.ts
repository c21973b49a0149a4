import { LiveInstance } from '../../src/live/live-instance.js'
import { keyOf } from '../../src/refresh/reread.js'
import { Schedule } from '../../src/refresh/schedule.js'
import { replaceMethod } from '../run/replace-method.js'

/** Faults that reading parts could have, planted for every engine of this process until they are disposed of. */
export const plantedPartBugs = {
  'rows that went are not removed': () =>
    replaceMethod(LiveInstance.prototype, 'splice', (original) => (touched, fields, rows) => {
      const present = rows.map((row) => keyOf(touched.key.map(({ output }) => row[output] ?? '')))
      return original({ ...touched, keys: new Set(present) }, fields, rows)
    }),
  'rows that came are not inserted': () =>
    replaceMethod(LiveInstance.prototype, 'splice', (original, instance) => (touched, fields, rows) => {
      const before = instance.state.rows.length
      const texts = original(touched, fields, rows)
      return texts && texts.length > before ? texts.slice(0, before) : texts
    }),
  'only the last change since the last refresh is read again': () =>
    replaceMethod(Schedule.prototype, 'mark', (original, schedule) => (tick, reason, changes) => {
      const known = schedule.changes
      if (known && known.length > 0 && changes && changes.length > 0) (known as unknown[]).length = 0
      original(tick, reason, changes?.slice(-1))
    }),
} satisfies Record<string, () => Disposable>

export type PlantedPartBug = keyof typeof plantedPartBugs
