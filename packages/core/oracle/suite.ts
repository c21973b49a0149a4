/**
 * What continuous integration asks of the oracle: 20,000 transactions, with 60 shapes of queries in each schema. Half of
 * the seeds are always the same; the others are new every day. Two processes run side by side. A failure prints its
 * seed and a shrunk case, and ends this with 1.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: {
    transactions: { type: 'string', default: '20000' },
    /** Where the seeds begin that are not always the same. */
    seed: { type: 'string', default: String(1_000_000 + (Math.floor(Date.now() / 86_400_000) % 100_000) * 10_000) },
    processes: { type: 'string', default: '2' },
  },
})

const FIXED_SEED = 1
/** Several times what a run takes: one that hangs is ended, and what it printed is shown. */
const RUN_MS = 30 * 60_000
/** The first case of every kind of query is rarely about routing, the other one hardly about anything else. */
const ROUTING_SHARE = 0.7

const main = fileURLToPath(new URL('./main.ts', import.meta.url))
const total = Number(values.transactions)
const runs = [
  ...[FIXED_SEED, Number(values.seed)].map((seed) => routing(seed, (total * ROUTING_SHARE) / 2)),
  ...[FIXED_SEED, Number(values.seed)].map((seed) => everything(seed, (total * (1 - ROUTING_SHARE)) / 2)),
]
const results = await inTurn(runs, Number(values.processes))
process.exitCode = results.every((succeeded) => succeeded) ? 0 : 1

function routing(seed: number, transactions: number): readonly string[] {
  return ['--routing', '--history', '2', '--size', '500', ...common(seed, transactions)]
}

function everything(seed: number, transactions: number): readonly string[] {
  return ['--history', '5', '--size', '250', '--throttle', '0', ...common(seed, transactions)]
}

function common(seed: number, transactions: number): readonly string[] {
  const retry = process.env['CI'] === 'true' ? ['--retry'] : []
  return [...retry, '--shapes', '60', '--seed', String(seed), '--transactions', String(Math.ceil(transactions))]
}

/** At most `width` at a time; the longest ones come first. */
async function inTurn(all: readonly (readonly string[])[], width: number): Promise<readonly boolean[]> {
  const waiting = [...all]
  const done: boolean[] = []
  const lane = async (): Promise<void> => {
    for (let next = waiting.shift(); next; next = waiting.shift()) done.push(await run(next))
  }
  await Promise.all(Array.from({ length: width }, lane))
  return done
}

async function run(args: readonly string[]): Promise<boolean> {
  const what = `oracle ${args.join(' ')}`
  console.log(`begins: ${what}`)
  const child = spawn(process.execPath, [...process.execArgv, main, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: RUN_MS,
    killSignal: 'SIGKILL',
  })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
  const [code] = (await once(child, 'close')) as [number | null]
  console.log(`\n${code === 0 ? 'passed' : 'FAILED'}: ${what}\n${output}`)
  return code === 0
}
