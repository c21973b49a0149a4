import { type Patch } from '@pg-realtime/core'
import type { Resume, WirePatch } from '../protocol.js'

/** One step of a live query's rows, as an update tells it. */
export interface Transition {
  readonly previousRows: readonly object[]
  readonly rows: readonly object[]
  /** Of the rows after the step. */
  readonly version: string
  readonly patch: Patch<object>
}

/** What a client says that it holds: the name of its rows, and their version. */
export type Held = Pick<Resume, 'state' | 'version'>

/** A serialised patch; `size` counts the rows that it names. */
export interface RenderedPatch {
  readonly text: string
  readonly size: number
}

/** A step that may be sent, and the version of the rows that it leads on from. */
interface Step extends RenderedPatch {
  readonly follows: string
}

/** How many steps a client may be behind, and how much text they may take, before it is sent all rows. */
const MOST_STEPS = 64
const MOST_TEXT = 65_536
/** As many rows are always told in patches: those keep the columns that did not change. */
const FEW_ROWS = 8

/**
 * The most recent patches of one live query, each serialised once for all who need it. Rows are numbered in the order in
 * which they were shown; the epoch tells them from those of another server, or another life of the query, whose rows may
 * stand in another order although they are the same.
 *
 * An epoch is short, since it travels with each patch, and so two of them may be equal by chance. A client's rows are
 * therefore taken for those of a number only if their version is the one that was shown under it.
 *
 * The epoch says too whether a `map` made the rows, so that those are never taken for what another server makes of the same.
 *
 * Nothing is serialised before somebody asks; from then on each patch is when the next one comes, at the latest, so that
 * no rows of the past are kept.
 */
export class History {
  readonly #render: (patch: Patch<object>) => RenderedPatch
  readonly #epoch: string
  #number = 0
  #rowCount: number
  #version: string
  #steps: Step[] = []
  #newest: { readonly patch: Patch<object>; readonly follows: string } | undefined
  #isAsked = false

  constructor(
    rows: readonly object[],
    version: string,
    render: (patch: Patch<object>) => RenderedPatch,
    epoch: string = someEpoch(),
  ) {
    this.#rowCount = rows.length
    this.#version = version
    this.#render = render
    this.#epoch = epoch
  }

  /** The number of the newest rows. */
  get number(): number {
    return this.#number
  }

  /** The name of the rows with this number. */
  stateOf(number: number): string {
    return `${this.#epoch}.${number}`
  }

  advance({ patch, rows, version }: Omit<Transition, 'previousRows'>): void {
    if (this.#isAsked) this.#renderNewest()
    else if (this.#newest) this.#steps = []
    this.#newest = { patch, follows: this.#version }
    this.#number += 1
    this.#rowCount = rows.length
    this.#version = version
  }

  /** What leads from these rows to the newest ones; undefined where they are others, or all rows are the cheaper answer. */
  since({ state, version }: Held): { readonly from: number; readonly lines: string } | undefined {
    this.#isAsked = true
    const from = this.#numberOf(state)
    if (from === undefined) return undefined
    this.#renderNewest()
    const missed = from === this.#number ? [] : this.#steps.slice(from - this.#number)
    if (missed.length < this.#number - from) return undefined
    if (version !== (missed[0]?.follows ?? this.#version)) return undefined
    const size = missed.reduce((sum, step) => sum + step.size, 0)
    if (size > Math.max(FEW_ROWS, this.#rowCount / 2)) return undefined
    return { from, lines: missed.length === 1 ? missed[0]!.text : missed.map(({ text }) => text).join('\n') }
  }

  /** Whether rows of this name were shown here. */
  hasShown(state: string): boolean {
    return this.#numberOf(state) !== undefined
  }

  #numberOf(state: string): number | undefined {
    const [epoch, number] = state.split('.')
    const from = Number(number)
    return epoch === this.#epoch && from >= 0 && from <= this.#number ? from : undefined
  }

  #renderNewest(): void {
    if (!this.#newest) return
    const { patch, follows } = this.#newest
    this.#newest = undefined
    const rendered = this.#tryRender(patch)
    if (!rendered) return void (this.#steps = [])
    this.#steps.push({ ...rendered, follows })
    let length = this.#steps.reduce((sum, { text }) => sum + text.length, 0)
    while (this.#steps.length > MOST_STEPS || (length > MOST_TEXT && this.#steps.length > 1)) {
      length -= this.#steps.shift()!.text.length
    }
  }

  /**
   * Undefined where `map` or the transformer threw, which is an error to those who are to be sent that row, and to nobody
   * else: a patch may name one that only the rows before had. With all rows, everyone meets what is theirs.
   */
  #tryRender(patch: Patch<object>): RenderedPatch | undefined {
    try {
      return this.#render(patch)
    } catch {
      return undefined
    }
  }
}

/** 24 bits in four characters. */
export function someEpoch(): string {
  return Buffer.from(crypto.randomUUID().slice(0, 6), 'hex').toString('base64url')
}

/** One of rows that a `map` made: no other epoch has this character. */
export function someMappedEpoch(): string {
  return `${someEpoch()}${MAPPED}`
}

export function isMapped(state: string): boolean {
  return state.includes(MAPPED)
}

const MAPPED = '*'

/** The positions and values of a patch, as short as JSON allows. */
export function collectSteps(patch: Patch<object>, project: RowProjection): { wire: WirePatch; size: number } {
  const removed: number[] = []
  const moved: number[] = []
  const inserted: unknown[] = []
  const updated: unknown[] = []
  const set: unknown[] = []
  for (const step of patch) {
    if (step.kind === 'remove') removed.push(step.from)
    else if (step.kind === 'move') moved.push(step.from, step.to)
    else if (step.kind === 'insert') inserted.push(step.to, project.value(step.row))
    else {
      const columns = project.changes(step.previous, step.row)
      if (columns === undefined) set.push(step.to, project.value(step.row))
      else if (Object.keys(columns).length > 0) updated.push(step.to, columns)
    }
  }
  const wire: WirePatch = {
    ...(removed.length > 0 && { r: removed }),
    ...(moved.length > 0 && { m: moved }),
    ...(inserted.length > 0 && { i: inserted }),
    ...(updated.length > 0 && { u: updated }),
    ...(set.length > 0 && { s: set }),
  }
  return { wire, size: removed.length + (moved.length + inserted.length + updated.length + set.length) / 2 }
}

export interface RowProjection {
  value(row: object): unknown
  /** The columns of a row that changed, or undefined if the row is none that has such. */
  changes(previous: object, row: object): Readonly<Record<string, unknown>> | undefined
}
