/** Something to measure, by the name that tables show. Each call is one measurement, of any unit. */
export type Contestants<Name extends string> = Readonly<Record<Name, () => Promise<number>>>

/**
 * Measures all contestants round after round, so that a noisy neighbour disturbs all of them alike. Each round begins
 * with another contestant: nobody always runs on what the one before left warm.
 */
export async function interleaved<Name extends string>(
  contestants: Contestants<Name>,
  rounds: number,
): Promise<Record<Name, number[]>> {
  const names = Object.keys(contestants) as Name[]
  const results = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<Name, number[]>
  for (let round = 0; round < rounds; round += 1) {
    for (const index of names.keys()) {
      const name = names[(index + round) % names.length]!
      results[name].push(await contestants[name]())
    }
  }
  return results
}

/** The medians of `interleaved`. */
export async function medians<Name extends string>(
  contestants: Contestants<Name>,
  rounds: number,
): Promise<Record<Name, number>> {
  const results = await interleaved(contestants, rounds)
  return mapValues(results, median)
}

/**
 * Ours ÷ theirs, round by round, and the median of it: what slows down a whole round cancels out. The lists come from
 * one call of `interleaved`.
 */
export function ratio(ours: readonly number[], theirs: readonly number[]): number {
  return median(ours.map((value, round) => value / theirs[round]!))
}

export function median(values: readonly number[]): number {
  return percentile(values, 0.5)
}

/** Between the two nearest values; NaN of nothing. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  const position = (sorted.length - 1) * share
  const below = sorted[Math.floor(position)] ?? Number.NaN
  const above = sorted[Math.ceil(position)] ?? Number.NaN
  return below + (above - below) * (position - Math.floor(position))
}

/** The figure of a row of targets is the worst over its sizes and transports. Null if one of them is missing. */
export function worst(values: readonly (number | null)[], direction: 'most' | 'least' = 'most'): number | null {
  const known = values.filter((value) => value !== null && !Number.isNaN(value)) as number[]
  if (known.length < values.length || known.length === 0) return null
  return direction === 'most' ? Math.max(...known) : Math.min(...known)
}

/** Three significant digits. */
export function rounded(value: number | null): number | null {
  return value === null || !Number.isFinite(value) ? null : Number(value.toPrecision(3))
}

export async function milliseconds(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}

export function mapValues<Name extends string, From, To>(
  record: Readonly<Record<Name, From>>,
  map: (value: From) => To,
): Record<Name, To> {
  const entries = Object.entries<From>(record).map(([name, value]) => [name, map(value)])
  return Object.fromEntries(entries) as Record<Name, To>
}
