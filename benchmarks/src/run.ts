/** `pnpm --filter benchmarks bench <name>`: each benchmark answers one question; its last line of output is JSON. */
const benchmarks: Readonly<Record<string, () => Promise<{ run(): Promise<unknown> }>>> = {
  writes: () => import('./write-path.bench.js'),
}

const name = process.argv[2] ?? ''
const load = benchmarks[name]
if (!load) {
  console.error(`Name a benchmark: ${Object.keys(benchmarks).join(', ')}`)
  process.exit(2)
}
const benchmark = await load()
const result = await benchmark.run()
console.log(JSON.stringify({ benchmark: name, ...(result as object) }))
