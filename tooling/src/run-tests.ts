/**
 * Runs every suite and check, whatever the earlier ones found, and closes with one line that sums them up:
 *
 *     412 passed, 0 failed
 *
 * Before it stand the tests that passed only at their second try.
 *
 * Arguments: `--only fast` or `--only pg`; `--majors 17,18`, or PG_MAJORS in the environment: the PostgreSQL majors for the
 * suite that needs one.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { parseArgs } from 'node:util'
import { repositoryRoot } from './checks/repository.js'
import {
  type Count,
  type VitestReport,
  add,
  closingLine,
  countReport,
  nothing,
  oneFailed,
  onePassed,
} from './run/count.js'
import { describeSecondTries, secondTries } from './run/second-tries.js'
import { type Selection, type Step, stepsOf } from './run/steps.js'

interface Outcome {
  readonly step: Step
  readonly count: Count
  /** The tests that passed only at the second try. */
  readonly again: readonly string[]
  readonly seconds: number
}

type Found = Pick<Outcome, 'count' | 'again'>

/** What a step that hangs has to end by itself. */
const GRACE_MS = 10_000

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: 'all' },
    majors: { type: 'string', default: process.env['PG_MAJORS'] ?? '18' },
  },
})
const majors = values.majors.split(/[\s,]+/).filter(Boolean)
const reports = join(repositoryRoot, 'artifacts', 'reports')
rmSync(reports, { recursive: true, force: true })
mkdirSync(reports, { recursive: true })

const outcomes: Outcome[] = []
for (const step of stepsOf(values.only as Selection, majors)) outcomes.push(await run(step))

const total = outcomes.map((outcome) => outcome.count).reduce(add, nothing)
console.log(`\n${outcomes.map(summary).join('\n')}\n`)
const again = describeSecondTries(outcomes.map(({ step, again: tests }) => ({ step: step.name, tests })))
if (again !== '') console.log(again)
console.log(closingLine(total))
writeFileSync(join(reports, 'total.txt'), `${closingLine(total)}\n`)
process.exitCode = total.failed === 0 ? 0 : 1

async function run(step: Step): Promise<Outcome> {
  console.log(`\n── ${step.name} ${'─'.repeat(Math.max(0, 100 - step.name.length))}`)
  const begin = performance.now()
  const found = step.kind === 'vitest' ? await runVitest(step) : await runCheck(step)
  return { step, ...found, seconds: (performance.now() - begin) / 1000 }
}

async function runCheck(step: Step): Promise<Found> {
  return { count: (await execute(step, step.command)) === 0 ? onePassed : oneFailed, again: [] }
}

async function runVitest(step: Step): Promise<Found> {
  const file = join(reports, `${step.name.replace(/\W+/g, '-')}.json`)
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`]
  const code = await execute(step, [...step.command, ...reporters])
  const report = readReport(file)
  return { count: countReport(report, code), again: secondTries(report, repositoryRoot) }
}

function readReport(file: string): VitestReport | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as VitestReport
  } catch {
    return undefined
  }
}

async function execute(step: Step, [program = '', ...args]: readonly string[]): Promise<number> {
  const PATH = [join(repositoryRoot, 'node_modules', '.bin'), process.env['PATH']].join(delimiter)
  const quiet = { TURBO_TELEMETRY_DISABLED: '1', NEXT_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1' }
  const env = { ...process.env, ...quiet, ...step.env, PATH }
  const child = spawn(program, args, {
    cwd: repositoryRoot,
    env,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  })
  const limit = setTimeout(() => {
    console.error(`\n${step.name} took more than ${step.minutes} minutes, and was ended.`)
    child.kill()
    setTimeout(() => child.kill('SIGKILL'), GRACE_MS).unref()
  }, step.minutes * 60_000)
  try {
    const [code] = (await once(child, 'exit')) as [number | null]
    return code ?? 1
  } catch (error) {
    console.error(`${program} could not be started: ${String(error)}`)
    return 1
  } finally {
    clearTimeout(limit)
  }
}

function summary({ step, count, seconds }: Outcome): string {
  const mark = count.failed === 0 ? '✓' : '✗'
  return `${mark} ${step.name.padEnd(32)} ${closingLine(count).padEnd(40)} ${seconds.toFixed(1)} s`
}
