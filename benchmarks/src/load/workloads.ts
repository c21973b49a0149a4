import type { ShopSize } from '../harness/shop.js'
import type { WatchedKind } from '../harness/watcher.js'
import type { Write } from './writer.js'

/** A live query of a workload. */
export interface Watched {
  readonly kind: WatchedKind
  /** Of a customer or an order. */
  readonly id: number
}

export interface Workload {
  readonly name: string
  readonly writesItems: boolean
  shop(liveQueries: number): ShopSize
  watched(liveQueries: number, shop: ShopSize): Watched[]
  /** The live queries that must show a write, if they are watched. */
  showing(write: Write, shop: ShopSize): Watched[]
}

/** Each live query shows the five orders of one customer, and nothing else is in the database: as cheap as one can be. */
export const SIMPLE: Workload = {
  name: 'one cheap query',
  writesItems: false,
  shop: (liveQueries) => ({ customers: liveQueries, ordersPerCustomer: 5, itemsPerOrder: 1 }),
  watched: (liveQueries) => Array.from({ length: liveQueries }, (_, index) => ({ kind: 'orders', id: index + 1 })),
  showing: (write, shop) => [{ kind: 'orders', id: placeOf(write, shop).customer }],
}

const LATEST = 10
const KINDS = ['latest', 'detail', 'spending', 'ranking', 'document'] as const

/**
 * A shop of 100,000 orders with half a million items, and five kinds of pages, each open equally often, for customers and
 * orders among all that there are. Who has opened a page is a small part of all customers, as it is in a shop.
 */
export const MIXED: Workload = {
  name: 'pages of a shop',
  writesItems: true,
  shop: (liveQueries) =>
    liveQueries < 100
      ? { customers: 40, ordersPerCustomer: 20, itemsPerOrder: 5 }
      : { customers: 5_000, ordersPerCustomer: 20, itemsPerOrder: 5 },
  watched: (liveQueries, { customers, ordersPerCustomer }) => {
    const orders = customers * ordersPerCustomer
    return Array.from({ length: liveQueries }, (_, index) => {
      const [kind, n] = [KINDS[index % KINDS.length]!, Math.floor(index / KINDS.length)]
      // A prime, so that the pages of orders are of many customers, and no two of one kind are the same.
      return { kind, id: kind === 'detail' || kind === 'document' ? 1 + ((n * 7_919) % orders) : 1 + (n % customers) }
    })
  },
  /** A ranking may leave the product of a written item out, so that nobody can say when it must have been shown. */
  showing: (write, shop) => {
    const { order, customer, place } = placeOf(write, shop)
    const isLatest = write.table === 'orders' && place >= shop.ordersPerCustomer - LATEST
    return [
      ...(isLatest ? [{ kind: 'latest', id: customer } as const] : []),
      { kind: 'detail', id: order },
      { kind: 'spending', id: customer },
      { kind: 'document', id: order },
    ]
  },
}

/** As `shopSchema` gives them out; `place`: which of the customer's orders it is, from 0. */
function placeOf({ table, id }: Write, { customers, ordersPerCustomer }: ShopSize) {
  const order = table === 'orders' ? id : ((id - 1) % (customers * ordersPerCustomer)) + 1
  return { order, customer: ((order - 1) % customers) + 1, place: Math.floor((order - 1) / customers) }
}
