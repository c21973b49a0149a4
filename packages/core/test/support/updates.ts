import type { LiveQuery, Realtime, RefreshEvent, Update } from '../../src/index.js'

/** The next update, of whatever kind. */
export function nextUpdate<Row>(live: LiveQuery<Row>): Promise<Update<Row>> {
  return new Promise((resolve) => {
    const unsubscribe = live.subscribe((update) => {
      unsubscribe()
      resolve(update)
    })
  })
}

/** Resolves as soon as the condition holds, now or after an update. */
export function until<Row>(live: LiveQuery<Row>, condition: (live: LiveQuery<Row>) => boolean): Promise<void> {
  if (condition(live)) return Promise.resolve()
  return new Promise((resolve) => {
    const unsubscribe = live.subscribe(() => {
      if (!condition(live)) return
      unsubscribe()
      resolve()
    })
  })
}

/** Every update from now on. */
export function recordUpdates<Row>(live: LiveQuery<Row>): readonly Update<Row>[] {
  const updates: Update<Row>[] = []
  live.subscribe((update) => updates.push(update))
  return updates
}

/** The next refresh of any live query, or the next one that `matches`. */
export function nextRefresh<DB>(
  realtime: Pick<Realtime<DB>, 'observe'>,
  matches: (event: RefreshEvent) => boolean = () => true,
): Promise<RefreshEvent> {
  return new Promise((resolve) => {
    const remove = realtime.observe((event) => {
      if (!matches(event)) return
      remove()
      resolve(event)
    })
  })
}

/** Every refresh from now on. */
export function recordRefreshes<DB>(realtime: Pick<Realtime<DB>, 'observe'>): readonly RefreshEvent[] {
  const events: RefreshEvent[] = []
  realtime.observe((event) => events.push(event))
  return events
}

/** How often the query was run. */
export function refreshesOf<Row>(live: LiveQuery<Row>): number {
  return live.explain().refreshes
}
