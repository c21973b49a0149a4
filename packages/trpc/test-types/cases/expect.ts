type Equals<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

/** Compiles only if the two types are the same: `same<Equal<A, B>>()`. */
export type Equal<A, B> = Equals<A, B>

export function same<_True extends true>(): void {}
