import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { environment, exampleFolder } from './support/app.js'
import { buildExample } from './support/build.js'

const folder = mkdtempSync(join(tmpdir(), 'demo-'))
const demoFile = join(folder, 'demo.json')

beforeAll(buildExample)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function run(script: string, args: readonly string[] = [], own: Readonly<Record<string, string>> = {}) {
  const { DATABASE_URL: _, ...inherited } = environment({ DEMO_FILE: demoFile, ...own })
  const child = spawn(process.execPath, ['--import', 'tsx', script, ...args], {
    cwd: exampleFolder,
    env: inherited,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output = { text: '' }
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output.text += chunk.toString()))
  return { child, output }
}

/** Runs a line as in a terminal that stands in some other folder. */
async function runLine(line: string): Promise<{ code: number | null; text: string }> {
  const { DATABASE_URL: _, ...inherited } = environment({ DEMO_FILE: demoFile, npm_config_prefer_offline: 'true' })
  const child = spawn(line, { shell: true, cwd: folder, env: inherited, stdio: ['ignore', 'pipe', 'pipe'] })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (text += chunk.toString()))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, text }
}

async function sql(statement: string): Promise<{ code: number | null; text: string }> {
  const { child, output } = run('scripts/sql.ts', [statement])
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, text: output.text }
}

it('the demo takes a free port, prints a line that changes rows, and leaves nothing after Ctrl-C', async () => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  const { port } = taken.address() as { port: number }
  const { child, output } = run('scripts/demo.ts', [], { PORT: String(port) })
  let database = ''
  try {
    await expect.poll(() => output.text, { timeout: 60_000 }).toContain('Ctrl-C')
    const url = /The board is at\s+(\S+)/.exec(output.text)?.[1]
    expect(url).not.toContain(`:${port}`)
    database = (JSON.parse(readFileSync(demoFile, 'utf8')) as { connectionString: string }).connectionString
    const page = await fetch(`${url}/alder`)
    expect(page.status).toBe(200)

    const line = /^ *(npx .+ sql ".+")$/m.exec(output.text)?.[1]
    expect(line).toBeDefined()
    expect(await runLine(line!)).toEqual({ code: 0, text: expect.stringMatching(/^UPDATE 1$/m) })
    expect((await sql(`select stock from products where sku = 'AC-0001'`)).text).toMatch(/│ 0\s+│/)
    expect(await sql('select nothing')).toEqual({ code: 1, text: 'column "nothing" does not exist\n' })
  } finally {
    child.kill('SIGINT')
    const [code] = (await once(child, 'close')) as [number | null]
    taken.close()
    expect(code).toBe(0)
  }
  expect(existsSync(demoFile)).toBe(false)
  await expect(new pg.Client(database).connect()).rejects.toThrow('ECONNREFUSED')
  expect(await sql('select 1')).toEqual({
    code: 1,
    text: 'No demo is running here, and DATABASE_URL is not set.\n',
  })
})
