import type { ClientBase } from 'pg'
import type { Change, RelationId } from '../../change.js'
import { CaptureFailedError, type RealtimeError } from '../../errors.js'
import { RecordTextError } from '../record-text.js'
import { LAYOUT_JSON, toChange, type Layout, type LogReading } from './log-reader.js'

/** Makes changes of log entries, and notices where the columns that they were written with are not known for sure. */
export class BatchDecoder {
  readonly #layouts = new Map<RelationId, Layout>()

  clear(): void {
    this.#layouts.clear()
  }

  /** Learns the columns that these relations have now, before any entry of theirs is decoded. */
  async learn(control: ClientBase, relations: readonly RelationId[]): Promise<void> {
    const { rows } = await control.query<{ layout: Layout }>(
      `SELECT ${LAYOUT_JSON} AS layout FROM unnest($1::oid[]) relation`,
      [relations],
    )
    for (const { layout } of rows) this.#layouts.set(layout.relation, layout)
  }

  /** `gap`: some rows could not be read with certainty, in words. */
  decode(reading: LogReading, onError: (error: RealtimeError) => void): { changes: Change[]; gap: string | undefined } {
    let gap = this.#learnLayouts(reading)
    const changes: Change[] = []
    for (const entry of reading.entries) {
      const layout = reading.layouts.get(entry.relation)
      if (!layout) continue
      if (entry.failure !== null) onError(failureOf(entry.relation, entry.failure))
      try {
        changes.push(toChange(entry, layout))
      } catch (error) {
        if (!(error instanceof RecordTextError)) throw error
        gap ??= `rows of relation ${entry.relation} were written with other columns: ${error.message}`
      }
    }
    return { changes, gap }
  }

  /** Rows from before a change of columns, read with the columns from after it, might be read wrongly. */
  #learnLayouts(reading: LogReading): string | undefined {
    let gap: string | undefined
    for (const [relation, layout] of reading.layouts) {
      const known = this.#layouts.get(relation)
      if (known && known.fingerprint !== layout.fingerprint) gap = `the columns of relation ${relation} have changed`
      this.#layouts.set(relation, layout)
    }
    return gap
  }
}

function failureOf(relation: RelationId, failure: string): CaptureFailedError {
  return new CaptureFailedError(
    `A trigger could not log the rows of a statement on relation ${relation} (${failure}). The write went through, and the ` +
      'whole table counts as changed. If its columns were just altered, this ends with the next audit.',
  )
}
