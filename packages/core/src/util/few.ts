/** Any number of objects, of which there is nearly always one: a set for it would take a quarter of a kilobyte. */
export type Few<T extends object> = undefined | T | ReadonlySet<T>

export function withMember<T extends object>(few: Few<T>, member: T): Few<T> {
  if (few === undefined || few === member) return member
  if (few instanceof Set) return few.add(member)
  return new Set([few as T, member])
}

export function withoutMember<T extends object>(few: Few<T>, member: T): Few<T> {
  if (few instanceof Set) {
    few.delete(member)
    return few.size === 0 ? undefined : few
  }
  return few === member ? undefined : few
}

/** A list of its own, in the order in which they came: whoever walks it may add and remove. */
export function membersOf<T extends object>(few: Few<T>): readonly T[] {
  if (few === undefined) return NONE
  return few instanceof Set ? [...(few as ReadonlySet<T>)] : [few as T]
}

export function countOf<T extends object>(few: Few<T>): number {
  if (few === undefined) return 0
  return few instanceof Set ? few.size : 1
}

const NONE: readonly never[] = Object.freeze([])
