/**
 * The oracle by hand: `pnpm oracle --transactions 5000 --seed 1`. Runs case after case, prints what it covered, and
 * for a failure the seed and a shrunk case, saved under `regressions/`. Ends with 1 if anything failed.
 */
import { parseArgs } from 'node:util'
import { createEngine } from '../src/engine.js'
import { Shapes } from '../src/refresh/shape.js'
import type { Case, RunSettings } from './case.js'
import { generateCase } from './generate.js'
import { plantedBugs, type PlantedBug } from './planted-bugs.js'
import { plantedPatchBugs } from './planted-patch-bugs.js'
import { plantedRoutingBugs } from './planted-routing-bugs.js'
import { describeCase, describeFailure, saveRegression } from './report.js'
import { generatePartsCase } from './parts/generate.js'
import { generateRoutingCase } from './routing/generate.js'
import { runCase, tryCase, type EngineFactory, type Failure, type Statistics } from './run/runner.js'
import { failureSignature, shrinkCase } from './shrink.js'
import { serverVersion } from './run/database.js'
import { verdictOf } from './verdict.js'

const { values } = parseArgs({
  options: {
    transactions: { type: 'string', default: '1000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    /** Transactions in one schema. */
    size: { type: 'string', default: '30' },
    shapes: { type: 'string', default: '14' },
    /** How many rounds out of a hundred compare every delivered result with the one at its snapshot. */
    history: { type: 'string', default: '25' },
    /** Cases about routing instead of everything. */
    routing: { type: 'boolean', default: false },
    /** Cases about results that are read again in part. */
    parts: { type: 'boolean', default: false },
    /** An engine with one of the planted bugs. */
    bug: { type: 'string' },
    throttle: { type: 'string' },
    values: { type: 'string' },
    /** Runs even a single instance in the form for several. */
    together: { type: 'boolean', default: false },
    /** How many rows a result must have to be read again in part. Default: 0 for every other seed. */
    'reread-from': { type: 'string' },
    features: { type: 'boolean', default: false },
    'no-shrink': { type: 'boolean', default: false },
    'no-save': { type: 'boolean', default: false },
    /** A case that the environment kept from being run is run once more, and counts if it fails again; see `verdict.ts`. */
    retry: { type: 'boolean', default: false },
    'keep-going': { type: 'boolean', default: false },
  },
})

const settings: Partial<RunSettings> = {
  ...(values.throttle === undefined ? {} : { throttleMs: Number(values.throttle) }),
  ...(values.values === undefined ? {} : { values: values.values as RunSettings['values'] }),
}
const engineBug = values.bug !== undefined && values.bug in plantedBugs ? (values.bug as PlantedBug) : undefined
if (values.bug !== undefined && engineBug === undefined) {
  const replacing: Record<string, () => Disposable> = { ...plantedRoutingBugs, ...plantedPatchBugs }
  const names = [...Object.keys(plantedBugs), ...Object.keys(replacing)]
  const plant = replacing[values.bug]
  if (!plant) throw new Error(`no such bug; there are: ${names.join('; ')}`)
  plant()
}
const rereadFrom = (seed: number): number | undefined =>
  values['reread-from'] === undefined ? (seed % 2 === 0 ? 0 : undefined) : Number(values['reread-from'])
const engine =
  (seed: number): EngineFactory =>
  (options) =>
    createEngine(options, {
      ...(engineBug === undefined ? {} : plantedBugs[engineBug]()),
      shapes: new Shapes(values.together, rereadFrom(seed)),
      // Every other pair of seeds.
      ...(seed % 4 > 1 && { guess: { most: 64, cheapMs: Infinity, fewestTicks: 1, mostTicks: 1 } }),
    })

const totals = { cases: 0, transactions: 0, failures: 0, triedAgain: 0, seconds: 0 }
const counts = new Map<string, number>()
const features = new Map<string, number>()
const engineErrors = new Map<string, number>()
const signatures = new Set<string>()

const version = await serverVersion()
const began = Date.now()
for (let seed = Number(values.seed); totals.transactions < Number(values.transactions); seed++) {
  const generated = (values.parts ? generatePartsCase : values.routing ? generateRoutingCase : generateCase)({
    seed,
    version,
    transactions: Number(values.size),
    shapes: Number(values.shapes),
    settings,
  })
  const { failures, statistics } = await tryOnce(generated.case)
  totals.cases++
  totals.transactions += generated.transactions
  totals.seconds = Math.round((Date.now() - began) / 1000)
  for (const [feature, count] of generated.features) features.set(feature, (features.get(feature) ?? 0) + count)
  if (statistics) tally(statistics)
  if (totals.cases % 10 === 0)
    console.log(
      `seed ${seed}: ${totals.transactions} transactions in ${totals.seconds} s, ${totals.failures} failed cases`,
    )
  const failure = await verdictOf(failures, values.retry ? (first) => tryAgain(generated.case, first) : undefined)
  if (failure) await failed(generated.case, failure)
  if (totals.failures > 0 && !values['keep-going']) break
}
console.log({ version, ...totals, ...Object.fromEntries(counts) })
if (engineErrors.size > 0) console.log('errors that the engine reported:', engineErrors)
if (values.features)
  console.log(
    [...features]
      .sort((left, right) => left[1] - right[1])
      .map(([name, count]) => `${count} ${name}`)
      .join('\n'),
  )
process.exit(totals.failures > 0 ? 1 : 0)

function tally({ engineErrors: reported, routing, ...numbers }: Statistics): void {
  for (const [name, count] of Object.entries({ ...numbers, ...routing }))
    counts.set(name, (counts.get(name) ?? 0) + count)
  for (const [name, count] of reported) engineErrors.set(name, (engineErrors.get(name) ?? 0) + count)
}

function tryOnce(input: Case): ReturnType<typeof tryCase> {
  return tryCase(input, { createEngine: engine(input.seed), historyShare: Number(values.history) })
}

async function tryAgain(input: Case, failure: Failure): Promise<readonly Failure[]> {
  totals.triedAgain++
  console.log(`\ntried again: seed ${input.seed}\n${describeFailure(failure, input)}`)
  return (await tryOnce(input)).failures
}

async function failed(input: Case, failure: Failure): Promise<void> {
  totals.failures++
  console.log(`\nFAILED: seed ${input.seed}\n${describeFailure(failure, input)}`)
  console.log(`again: pnpm oracle ${againWith(input.seed)}`)
  const signature = failureSignature(failure)
  const isKnown = signatures.has(signature) && !['stale', 'history'].includes(failure.kind)
  signatures.add(signature)
  if (values['no-shrink'] || isKnown || failure.kind === 'aborted') return
  console.log('shrinking…')
  const small = await shrinkCase(input, { fails: (candidate) => failsAlike(candidate, signature) })
  console.log(`\n${describeCase(small)}`)
  if (values['no-save'] || values.bug !== undefined) return
  const path = await saveRegression(
    `${values.parts ? 'parts-' : values.routing ? 'routing-' : ''}${failure.kind}-${input.seed}`,
    {
      title: failure.message.split('\n')[0] ?? '',
      case: small,
    },
  )
  console.log(`\nsaved as ${path}`)
}

/** The arguments of this run for one case of it. */
function againWith(seed: number): string {
  const flags = Object.entries(values).filter(([name]) => name !== 'seed' && name !== 'transactions')
  const args = flags.flatMap(([name, value]) =>
    value === true ? [`--${name}`] : value ? [`--${name} '${value}'`] : [],
  )
  return [...args, `--seed ${seed}`, '--transactions 1'].join(' ')
}

async function failsAlike(candidate: Case, signature: string): Promise<boolean> {
  try {
    const { failures } = await runCase(candidate, {
      createEngine: engine(candidate.seed),
      timeoutMs: 10_000,
      historyShare: 100,
    })
    return failures.some((failure) => failureSignature(failure) === signature)
  } catch {
    return false
  }
}
