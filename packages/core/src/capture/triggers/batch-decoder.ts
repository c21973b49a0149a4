import type { ClientBase } from 'pg'
import type { Change, RelationId } from '../../change.js'
import { CaptureFailedError, type RealtimeError } from '../../errors.js'
import { RecordTextError } from '../record-text.js'
import { readLayouts, toChange, type Layout, type LogReading } from './log-reader.js'

/** Makes changes of log entries, and notices where the columns that they were written with are not known for sure. */
export class BatchDecoder {
  readonly #installer: string
  readonly #layouts = new Map<RelationId, Layout>()

  /** `installer`: who needs no word of what it has installed itself. */
  constructor(installer: string) {
    this.#installer = installer
  }

  clear(): void {
    this.#layouts.clear()
  }

  /** Learns the columns that these relations have now, before any entry of theirs is decoded. */
  async learn(control: ClientBase, relations: readonly RelationId[]): Promise<void> {
    for (const layout of await readLayouts(control, relations)) this.#layouts.set(layout.relation, layout)
  }

  /** Relations of the reading whose columns are not the known ones. */
  unknown({ fingerprints }: LogReading): RelationId[] {
    return [...fingerprints]
      .filter(([relation, fingerprint]) => this.#layouts.get(relation)?.fingerprint !== fingerprint)
      .map(([relation]) => relation)
  }

  /** `news`: the layouts of the `unknown` relations, as the reading's transaction sees them. `gap`: some rows could not be read with certainty, in words. */
  decode(
    reading: LogReading,
    news: readonly Layout[],
    onError: (error: RealtimeError) => void,
  ): { changes: Change[]; gap: string | undefined } {
    let gap = this.#replace(news)
    const changes: Change[] = []
    for (const entry of reading.entries) {
      const layout = this.#layouts.get(entry.relation)
      if (!layout) continue
      const { failure, installer } = entry.details
      if (installer === this.#installer) continue
      if (failure !== undefined) onError(failureOf(entry.relation, failure))
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
  #replace(news: readonly Layout[]): string | undefined {
    let gap: string | undefined
    for (const layout of news) {
      if (this.#layouts.has(layout.relation)) gap = `the columns of relation ${layout.relation} have changed`
      this.#layouts.set(layout.relation, layout)
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
