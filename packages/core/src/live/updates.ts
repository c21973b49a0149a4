import type { LiveState, Update } from './contract.js'
import { createUpdate } from './update.js'

/** What an iterator needs of a live query. */
export interface UpdateSource<Row> {
  readonly state: LiveState<Row>
  subscribe(listener: (update: Update<Row>) => void): () => void
}

/**
 * The present state, then the latest on each change: a consumer that is slow skips what it missed. Written by hand,
 * because the `return()` of an async generator queues behind a pending `next()` and would never end a quiet query.
 */
export function iterateUpdates<Row>(source: UpdateSource<Row>): AsyncIterator<Update<Row>, undefined> {
  /** Who asked for the next one, in their order. */
  const waiting: ((result: IteratorResult<Update<Row>, undefined>) => void)[] = []
  let seen: LiveState<Row> | undefined
  let isDone = false
  const take = (): Update<Row> | undefined => {
    const { state } = source
    if (isSame(seen, state) || (state.status === 'pending' && state.error === undefined)) return undefined
    const previousRows = seen?.rows ?? []
    const kind = seen === undefined || seen.rows !== state.rows ? 'rows' : 'status'
    seen = state
    return createUpdate(state, kind, previousRows)
  }
  const finish = () => {
    isDone = true
    unsubscribe()
    for (const resolve of waiting.splice(0)) resolve({ done: true, value: undefined })
  }
  const unsubscribe = source.subscribe(() => {
    if (source.state.status === 'closed') return finish()
    if (waiting.length === 0) return
    const update = take()
    if (update) waiting.shift()?.({ done: false, value: update })
  })
  return {
    async next() {
      if (isDone || source.state.status === 'closed') return { done: true, value: undefined }
      const update = waiting.length === 0 ? take() : undefined
      if (update) return { done: false, value: update }
      return new Promise((resolve) => waiting.push(resolve))
    },
    async return() {
      finish()
      return { done: true, value: undefined }
    },
  }
}

function isSame<Row>(seen: LiveState<Row> | undefined, state: LiveState<Row>): boolean {
  return seen?.rows === state.rows && seen.status === state.status && seen.error === state.error
}
