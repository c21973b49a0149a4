/** Builds the app and the packages under it; instant when nothing has changed. Only what goes wrong is printed. */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const turbo = fileURLToPath(new URL('../../../node_modules/turbo/bin/turbo', import.meta.url))

console.log('\n  Building the board; the first time takes a minute or two …')
const build = spawn(
  process.execPath,
  [turbo, 'run', 'build', '--filter=example', '--output-logs=errors-only', '--log-prefix=none'],
  {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, TURBO_TELEMETRY_DISABLED: '1', NEXT_TELEMETRY_DISABLED: '1' },
  },
)
let output = ''
for (const stream of [build.stdout, build.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()))
build.on('close', (code) => {
  if (code !== 0) console.error(output)
  process.exitCode = code ?? 1
})
