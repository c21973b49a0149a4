/**
 * `pnpm bench <name> [--quick] [--rounds N]`: prints the benchmark's tables, and its figures as one JSON object in the
 * last line. `pnpm bench all` runs every benchmark, each in a process of its own.
 */
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { ROUNDS, type BenchmarkModule } from './harness/benchmark.js'
import { machineHeader } from './harness/machine.js'

const SUFFIX = '.bench.ts'
const names = readdirSync(new URL('.', import.meta.url))
  .filter((file) => file.endsWith(SUFFIX))
  .map((file) => file.slice(0, -SUFFIX.length))
  .sort()

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: 'boolean', default: false }, rounds: { type: 'string', default: String(ROUNDS) } },
})
const [name = ''] = positionals
if (name === 'all') process.exitCode = runAll()
else if (names.includes(name)) await runOne(name)
else {
  console.error(`Name a benchmark: ${names.join(', ')}, or all. Options: --quick, --rounds N (default ${ROUNDS}).`)
  process.exitCode = 2
}

async function runOne(benchmark: string): Promise<void> {
  const { question, run } = (await import(`./${benchmark}${SUFFIX}`)) as BenchmarkModule
  const rounds = values.quick ? 1 : Number(values.rounds)
  console.log(`${benchmark}: ${question}\n${await machineHeader()}`)
  const figures = await run({ quick: values.quick, rounds })
  console.log(`\n${JSON.stringify({ benchmark, ...(values.quick ? { quick: true } : {}), ...figures })}`)
}

function runAll(): number {
  const script = process.argv[1]!
  const failed = names.filter((each) => {
    const run = spawnSync(process.execPath, [...process.execArgv, script, each, ...process.argv.slice(3)], {
      stdio: 'inherit',
    })
    return run.status !== 0
  })
  if (failed.length > 0) console.error(`Failed: ${failed.join(', ')}`)
  return failed.length > 0 ? 1 : 0
}
