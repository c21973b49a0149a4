import type { ShopSize } from '../harness/shop.js'
import type { WatchedRow } from '../harness/watcher.js'
import type { Watched, Workload } from './workloads.js'
import type { Write } from './writer.js'

/** When each live query has shown its latest write. */
export class Shown {
  readonly #workload: Workload
  readonly #shop: ShopSize
  readonly #seen = new Map<string, { readonly stamp: number; readonly at: number }[]>()

  constructor(workload: Workload, shop: ShopSize) {
    this.#workload = workload
    this.#shop = shop
  }

  /** Takes the rows of a live query that is watched from now on. */
  take(watched: Watched): (rows: readonly WatchedRow[]) => void {
    const seen: { stamp: number; at: number }[] = []
    this.#seen.set(keyOf(watched), seen)
    return (rows) => {
      const stamp = latestOf(rows)
      if (stamp > (seen.at(-1)?.stamp ?? 0)) seen.push({ stamp, at: performance.timeOrigin + performance.now() })
    }
  }

  /**
   * Milliseconds from a write until all have shown it who must, Infinity while one has not; undefined where nobody
   * watches. A customer's writes are committed in the order of their stamps: who shows a later one shows this one too.
   */
  latency(write: Write): number | undefined {
    let latency: number | undefined
    for (const watched of this.#workload.showing(write, this.#shop)) {
      const seen = this.#seen.get(keyOf(watched))
      if (!seen) continue
      const first = seen.find(({ stamp }) => stamp >= write.stamp)
      latency = Math.max(latency ?? 0, first ? first.at - write.stamp : Infinity)
    }
    return latency
  }

  forget(): void {
    for (const seen of this.#seen.values()) seen.length = 0
  }
}

function keyOf({ kind, id }: Watched): string {
  return `${kind} ${id}`
}

/** The latest stamp in a result, also in the items that are within an order. */
function latestOf(rows: readonly WatchedRow[]): number {
  let latest = 0
  for (const { written_at, ordered_at, items } of rows) {
    latest = Math.max(latest, Number(written_at ?? 0), Number(ordered_at ?? 0))
    if (Array.isArray(items)) latest = Math.max(latest, latestOf(items as WatchedRow[]))
  }
  return latest
}
