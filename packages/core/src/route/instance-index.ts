import type { Operand, ValueKind } from '../analyze/plan.js'
import { operandValues } from './conditions.js'
import { canonical } from './values.js'

/** A column that must equal one of an instance's values. */
export interface Slot {
  readonly kind: ValueKind
  readonly operands: readonly Operand[]
}

interface Indexable {
  readonly parameters: readonly unknown[]
}

/** An instance whose lists have more combinations than this is found by every change. */
const MOST_KEYS = 1_000
/** Text has no such character. */
const SEPARATOR = '\0'

/**
 * Instances of one shape by the values that some of its columns are compared with. Looking up costs the same however
 * many there are. What must hold: an instance whose values equal the ones looked up is always among those found.
 */
export class InstanceIndex<Instance extends Indexable> {
  readonly slots: readonly Slot[]
  readonly #byKey = new Map<string, Instance | Set<Instance>>()
  /** Their values cannot be written as keys. */
  readonly #loose = new Set<Instance>()

  constructor(slots: readonly Slot[]) {
    this.slots = slots
  }

  add(instance: Instance): void {
    const keys = this.#keysOf(instance)
    if (keys === undefined) return void this.#loose.add(instance)
    for (const key of keys) {
      const present = this.#byKey.get(key)
      if (present === undefined) this.#byKey.set(key, instance)
      else if (present instanceof Set) present.add(instance)
      else if (present !== instance) this.#byKey.set(key, new Set([present, instance]))
    }
  }

  remove(instance: Instance): void {
    if (this.#loose.delete(instance)) return
    for (const key of this.#keysOf(instance) ?? []) {
      const present = this.#byKey.get(key)
      if (present instanceof Set) {
        present.delete(instance)
        if (present.size === 0) this.#byKey.delete(key)
      } else if (present === instance) this.#byKey.delete(key)
    }
  }

  /** The instances that have these values; `undefined` if the values cannot tell. NULL equals nothing. */
  find(values: readonly (string | null | undefined)[]): Iterable<Instance> | undefined {
    const parts: string[] = []
    for (const [position, value] of values.entries()) {
      if (value === null) return []
      const part = value === undefined ? undefined : canonical(this.slots[position]!.kind, value)
      if (part === undefined) return undefined
      parts.push(part)
    }
    const found = this.#byKey.get(parts.join(SEPARATOR))
    if (this.#loose.size > 0) return [...iterable(found), ...this.#loose]
    return iterable(found)
  }

  /** None for an instance that compares with NULL; undefined where its values are not understood. */
  #keysOf({ parameters }: Instance): readonly string[] | undefined {
    let keys: readonly string[] = ['']
    for (const [position, { kind, operands }] of this.slots.entries()) {
      const parts = new Set<string>()
      for (const value of operands.flatMap((operand) => operandValues(operand, parameters))) {
        if (value === null) continue
        const part = value === undefined ? undefined : canonical(kind, value)
        if (part === undefined) return undefined
        parts.add(part)
      }
      if (keys.length * parts.size > MOST_KEYS) return undefined
      keys = keys.flatMap((key) => [...parts].map((part) => (position === 0 ? part : key + SEPARATOR + part)))
    }
    return keys
  }
}

function iterable<T>(found: T | Set<T> | undefined): Iterable<T> {
  return found === undefined ? [] : found instanceof Set ? found : [found]
}
