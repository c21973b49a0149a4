/**
 * What a benchmark is: a file `src/<name>.bench.ts` that exports `question` and `run`. It measures ours and its baselines
 * in the same run, prints tables, and returns the figures that `docs/performance.md` shows.
 */
export interface BenchmarkModule {
  /** What the benchmark answers, in one sentence. */
  readonly question: string
  readonly run: (options: BenchOptions) => Promise<Figures>
}

export interface BenchOptions {
  /** Tiny sizes and one round: shows that the benchmark works, and nothing else. */
  readonly quick: boolean
  /** How often each thing is measured; figures are the median. */
  readonly rounds: number
}

/** Printed as the last line. A figure that could not be measured is null, never left out. */
export type Figures = Readonly<Record<string, number | null>>

export const ROUNDS = 5

/** `full` for a real run, `tiny` for `--quick`. */
export function sized<Value>(options: BenchOptions, full: Value, tiny: Value): Value {
  return options.quick ? tiny : full
}
