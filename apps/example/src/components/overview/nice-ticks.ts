const STEPS = [1, 2, 2.5, 5, 10]

/** Round numbers from zero to the first one at or above `highest`, four or five of them. */
export function niceTicks(highest: number): number[] {
  if (highest <= 0) return [0, 1]
  const rough = highest / 4
  const magnitude = 10 ** Math.floor(Math.log10(rough))
  const step = STEPS.map((factor) => factor * magnitude).find((candidate) => candidate >= rough)!
  return Array.from({ length: Math.ceil(highest / step) + 1 }, (_, index) => index * step)
}
