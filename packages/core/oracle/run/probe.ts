import type { LiveQuery, Update } from '../../src/live/contract.js'
import { applyPatch } from '../../src/snapshot/patch.js'
import { compareSnapshots } from '../../src/snapshot/token.js'
import type { QueryCase } from '../case.js'
import { rowTexts, sameRows, type Row } from './values.js'

export interface Seen {
  readonly snapshot: string
  readonly texts: readonly string[]
}

/** Watches one live query as a subscriber does, and notes what no subscriber should ever see. */
export class Probe {
  readonly problems: string[] = []
  #seen: Seen[] = []
  #versions = new Map<string, string>()
  #lastSnapshot = ''
  updates = 0

  constructor(
    readonly query: QueryCase,
    readonly live: LiveQuery<Row>,
    /** The rows are PostgreSQL's text: parsed, two different values may look the same (numbers in JSON, microseconds). */
    readonly isExact: boolean,
  ) {
    live.subscribe((update) => this.#note(update))
  }

  get texts(): string[] {
    return rowTexts(this.live.rows, this.query.compare.loose)
  }

  /** The results that arrived since the last call. */
  take(): Seen[] {
    const seen = this.#seen
    this.#seen = []
    return seen
  }

  #note(update: Update<Row>): void {
    const texts = rowTexts(update.rows, false)
    this.#checkOrder(update.snapshot)
    if (this.isExact) this.#checkVersion(update.version, texts)
    if (update.kind !== 'rows') return
    this.updates++
    this.#checkPatch(update)
    const before = rowTexts(update.previousRows, false)
    if (this.isExact && update.previousRows.length > 0) {
      if (sameRows(before, texts, true)) this.problems.push('an update of rows brought the same rows')
      this.#checkIdentity(update.previousRows, before, update.rows, texts)
    }
    this.#seen.push({ snapshot: update.snapshot, texts: rowTexts(update.rows, this.query.compare.loose) })
  }

  /** Never backwards: each snapshot has seen all that the one before it had. */
  #checkOrder(snapshot: string): void {
    if (snapshot === '') return
    const order = this.#lastSnapshot === '' ? 'newer' : compareSnapshots(snapshot, this.#lastSnapshot)
    if (order !== 'newer' && order !== 'same')
      this.problems.push(`snapshot ${snapshot} is ${order} after ${this.#lastSnapshot}`)
    this.#lastSnapshot = snapshot
  }

  /** Applied to the rows before, the patch gives the very rows after. */
  #checkPatch({ previousRows, patch, rows }: Update<Row>): void {
    const patched = applyPatch(previousRows, patch)
    if (patched.length === rows.length && patched.every((row, index) => row === rows[index])) return
    const steps = JSON.stringify(patch.map((step) => ({ ...step, row: undefined, previous: undefined })))
    this.problems.push(`the patch leads to other rows: ${steps.slice(0, 400)}`)
  }

  /** Equal versions mean equal rows. */
  #checkVersion(version: string, texts: readonly string[]): void {
    const text = (this.query.compare.ordered ? texts : [...texts].sort()).join('\n')
    const known = this.#versions.get(version)
    if (known !== undefined && known !== text) this.problems.push(`version ${version} stands for two results`)
    this.#versions.set(version, text)
  }

  /** A row that did not change is the identical object. Rows that occur twice are left aside. */
  #checkIdentity(
    oldRows: readonly Row[],
    oldTexts: readonly string[],
    newRows: readonly Row[],
    newTexts: readonly string[],
  ): void {
    const unique = (texts: readonly string[], text: string) => texts.indexOf(text) === texts.lastIndexOf(text)
    newTexts.forEach((text, index) => {
      const before = oldTexts.indexOf(text)
      if (before < 0 || !unique(oldTexts, text) || !unique(newTexts, text)) return
      if (oldRows[before] !== newRows[index])
        this.problems.push(`an unchanged row is another object: ${text.slice(0, 200)}`)
    })
  }
}
