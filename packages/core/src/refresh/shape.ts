/**
 * What is known of a shape from running it: whether its instances are faster together or one by one, how many fit into
 * one message, and whether it is slow. Belongs to a plan, so a shape that is analyzed anew is measured anew.
 *
 *   unknown ─► one by one for a few ─► together for a few ─► the faster of the two, the other one tried again now and then
 */
import type { Plan } from '../analyze/plan.js'
import type { RawField } from './contract.js'
import { togetherForm, type TogetherForm } from './together.js'

export type Way = 'together' | 'each'

/** Below this, planning one statement costs more than it saves. */
const FEWEST_TOGETHER = 6
/**
 * How many instances are run to compare the two ways: few while one of them may be very slow, then so many that what a
 * statement costs by itself does not count.
 */
const SAMPLES = [32, 128, 512] as const
const SAMPLE = SAMPLES[0]
/** A way that takes so many times as long with few instances, and so many milliseconds longer, is not tried with more. */
const HOPELESS = 3
/** What the first planning of a statement takes, or a moment in which the machine is busy, says nothing yet. */
const HOPELESS_MS = 50
const MOST_IN_MESSAGE = 1_000
/** Time that a message should take: results are shown, and a stop is noticed, at its end. */
const MESSAGE_MS = 60
const FIRST_AGAIN_MS = 30_000
const LAST_AGAIN_MS = 15 * 60_000
/** How much a cost grows at most, at a time. It falls at once: whatever disturbs a measurement makes it longer. */
const GROWTH = 0.1
/**
 * How much longer a statement for several may take than the others' message, and still be the better way: its answer is
 * compared sooner, and a measurement errs by a third.
 */
const TOGETHER_MAY_COST = 1.5
const FAST_RUNS = 3
/** Of results with fewer rows, reading everything costs hardly more than reading a part. */
const REREAD_FROM = 200

export interface Attempt {
  readonly way: Way
  readonly count: number
}

export class Shape {
  readonly id: number
  readonly plan: Plan
  readonly form: TogetherForm | undefined
  /** Fewer instances than this are run one by one. */
  readonly fewest: number
  /** How many rows a result must have to be read again in part. */
  readonly rereadFrom: number
  /** The columns of the last result. */
  fields: readonly RawField[] | undefined
  readonly #isForced: boolean
  /** Milliseconds an instance. */
  readonly #cost: { [way in Way]: number | undefined } = { each: undefined, together: undefined }
  readonly #samples: { [way in Way]: number } = { each: 0, together: 0 }
  #isPossible: boolean
  #compareAt: number | undefined
  #compareAfterMs = FIRST_AGAIN_MS
  #canReread = true
  #isSlow = false
  #fastRuns = 0
  #fastRunsNeeded = FAST_RUNS

  /** `isForced`: together whenever that is possible, however few and slow; for tests. */
  constructor(id: number, plan: Plan, isForced = false, rereadFrom = REREAD_FROM) {
    this.id = id
    this.rereadFrom = rereadFrom
    this.plan = plan
    this.#isForced = isForced
    this.fewest = isForced ? 1 : FEWEST_TOGETHER
    this.form = togetherForm(plan)
    this.#isPossible = this.form !== undefined
  }

  /** Expected milliseconds for one instance; undefined before the first run. */
  get costMs(): number | undefined {
    const { each, together } = this.#cost
    return this.#isPossible ? (together ?? each) : each
  }

  /** Functions of the query may change settings or the role: no other query may run with what they left. */
  get leavesTraces(): boolean {
    return this.plan.opaqueFunctions.length + this.plan.timeDependent.length > 0
  }

  get isSlow(): boolean {
    return this.#isSlow
  }

  /** How the next of `waiting` instances of one scope are run, and how many of them. */
  next(waiting: number, now: number): Attempt {
    if (!this.#isPossible || waiting < this.fewest) return this.#attempt('each', waiting)
    if (this.#isForced) return { way: 'together', count: Math.min(waiting, SAMPLE) }
    const { each = 0, together = 0 } = this.#cost
    const leastTried = this.#samples.each <= this.#samples.together ? 'each' : 'together'
    const tried = this.#samples[leastTried]
    const isHopeless = this.#isHopeless(each > together ? 'each' : 'together')
    if (tried === 0 || (tried < SAMPLES.length && !isHopeless)) {
      return { way: leastTried, count: Math.min(waiting, SAMPLES[tried]!) }
    }
    const [better, other]: [Way, Way] =
      together <= each * TOGETHER_MAY_COST ? ['together', 'each'] : ['each', 'together']
    this.#compareAt ??= now + this.#compareAfterMs
    if (now >= this.#compareAt) {
      this.#compareAt = now + this.#compareAfterMs
      this.#compareAfterMs = Math.min(this.#compareAfterMs * 2, LAST_AGAIN_MS)
      return { way: other, count: Math.min(waiting, SAMPLES[isHopeless ? 0 : 1]) }
    }
    return this.#attempt(better, waiting)
  }

  /** The dearer way: by its largest sample. */
  #isHopeless(way: Way): boolean {
    const { each = 0, together = 0 } = this.#cost
    const [cost, other] = way === 'each' ? [each, together] : [together, each]
    const largest = SAMPLES[Math.min(this.#samples[way], SAMPLES.length) - 1] ?? 0
    return cost > HOPELESS * other && (cost - other) * largest > HOPELESS_MS
  }

  #attempt(way: Way, waiting: number): Attempt {
    const cost = this.#cost[way]
    const fitting = cost === undefined ? SAMPLE : Math.floor(MESSAGE_MS / Math.max(cost, 0.001))
    return { way, count: Math.min(waiting, MOST_IN_MESSAGE, Math.max(1, fitting)) }
  }

  /**
   * `count` instances took so long, sent as one message; `atMost`: this process was busy with others' answers meanwhile, so
   * that a longer time says nothing.
   */
  took(way: Way, count: number, ms: number, atMost = false): void {
    const before = this.#cost[way] ?? Infinity
    const cost = ms / count
    const highest = before === Infinity ? Infinity : before * (atMost ? 1 : 1 + GROWTH)
    this.#cost[way] = Math.min(cost, highest)
    // One instance says little about many, and a message of its own costs more.
    if (count >= this.fewest) this.#samples[way] += 1
  }

  /** The statement for several instances failed where each of them succeeds. */
  cannotBeTogether(): void {
    this.#isPossible = false
  }

  /** The statement for a part of the rows failed. */
  cannotReread(): void {
    this.#canReread = false
  }

  get canReread(): boolean {
    return this.#canReread
  }

  /** The statement for several instances was interrupted: it is not tried again before the next comparison. */
  wasTooSlowTogether(): void {
    this.#cost.together = Infinity
    this.#samples.together = SAMPLES.length
  }

  /** An instance was interrupted after the time that queries may hold up others. */
  becameSlow(): void {
    if (!this.#isSlow) this.#fastRunsNeeded = Math.min(this.#fastRunsNeeded * 2, 1_024)
    this.#isSlow = true
    this.#fastRuns = 0
  }

  /** A run among the slow ones, and whether it would have been fast enough to run among the others. */
  ranApart(isFast: boolean): void {
    this.#fastRuns = isFast ? this.#fastRuns + 1 : 0
    if (this.#fastRuns >= this.#fastRunsNeeded) this.#isSlow = false
  }
}

/** The shapes of an engine, by their plans. */
export class Shapes {
  readonly #shapes = new WeakMap<Plan, Shape>()
  readonly #areForced: boolean
  readonly #rereadFrom: number
  #last = 0

  constructor(areForced = false, rereadFrom = REREAD_FROM) {
    this.#areForced = areForced
    this.#rereadFrom = rereadFrom
  }

  of(plan: Plan): Shape {
    let shape = this.#shapes.get(plan)
    if (!shape) {
      shape = new Shape((this.#last += 1), plan, this.#areForced, this.#rereadFrom)
      this.#shapes.set(plan, shape)
    }
    return shape
  }
}
