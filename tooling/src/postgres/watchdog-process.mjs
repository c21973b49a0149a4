// Runs as a process of its own and outlives the one that started it, whatever ended that one. It reads lines
// { directory, pid } (watch) and { directory, done: true } (forget) from its standard input. The end of the input
// means that the other process is gone: every server still watched is stopped at once and its directory removed.
import { rmSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as wait } from 'node:timers/promises'

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {})

/** @type {Map<string, number | undefined>} */
const watched = new Map()

for await (const line of createInterface({ input: process.stdin })) {
  const message = JSON.parse(line)
  if (message.done) watched.delete(message.directory)
  else watched.set(message.directory, message.pid)
}
await Promise.all([...watched].map(([directory, pid]) => cleanUp(directory, pid)))
process.exit(0)

async function cleanUp(directory, pid) {
  if (pid !== undefined && signal(pid, 'SIGQUIT')) {
    for (let i = 0; i < 100 && signal(pid, 0); i++) await wait(50)
    signal(pid, 'SIGKILL')
  }
  rmSync(directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
}

function signal(pid, name) {
  try {
    return process.kill(pid, name)
  } catch {
    return false
  }
}
