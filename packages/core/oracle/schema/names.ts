import type { Random } from '../random.js'

/**
 * Names as applications have them, and as they should not. None holds a dot, ` as ` or an arrow: the query builder reads
 * those as syntax.
 */
const PLAIN_TABLES = ['orders', 'items', 'customers', 'products', 'order_lines', 'stock']
const STRANGE_TABLES = [
  'Order Items',
  'we"ird; drop table x;--',
  'naïve_表',
  'select',
  'new',
  'changes',
  'p',
  'a'.repeat(63),
  `${'ü'.repeat(31)}x`,
  "o'brien",
  'tg_op',
]
const PLAIN_COLUMNS = ['status', 'amount', 'title', 'note', 'quantity', 'created', 'owner', 'data', 'rank', 'code']
const STRANGE_COLUMNS = ['Mixed Case', 'user', 'old', 'ünïcode', 'a"b', '%s', '$1', 'x y', 'k', "it's", 'c'.repeat(63)]

/** Hands out names, none of them twice. */
export class Names {
  readonly #random: Random
  readonly #taken = new Set<string>()

  constructor(random: Random) {
    this.#random = random
  }

  table(): string {
    return this.#fresh(this.#random.chance(0.3) ? STRANGE_TABLES : PLAIN_TABLES, [...PLAIN_TABLES, ...STRANGE_TABLES])
  }

  /** Names for the columns of one table. */
  columns(count: number): string[] {
    const strange = this.#random.chance(0.35)
    return this.#random.sample(strange ? [...PLAIN_COLUMNS, ...STRANGE_COLUMNS] : PLAIN_COLUMNS, count)
  }

  #fresh(preferred: readonly string[], all: readonly string[]): string {
    const free = (names: readonly string[]) => names.filter((name) => !this.#taken.has(name))
    const candidates = free(preferred).length > 0 ? free(preferred) : free(all)
    const name = candidates.length > 0 ? this.#random.pick(candidates) : `table_${this.#taken.size}`
    this.#taken.add(name)
    return name
  }
}
