/**
 * Nothing that a process does on its way out is certain to run: not after SIGKILL, not after `process.exit`. So the servers
 * of this process are watched by a second, detached one, which sees the pipe between them close and cleans up then. This
 * process needs no signal handlers at all.
 */
import { spawn } from 'node:child_process'
import type { Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'

let pipe: Writable | undefined

/** From now on `directory` is removed, and the process `pid` stopped before, should this process end. */
export function watch(directory: string, pid?: number): void {
  send({ directory, pid })
}

export function forget(directory: string): void {
  send({ directory, done: true })
}

function send(message: object): void {
  pipe ??= startWatchdog()
  pipe.write(`${JSON.stringify(message)}\n`)
}

function startWatchdog(): Writable {
  const script = fileURLToPath(new URL('./watchdog-process.mjs', import.meta.url))
  // Free of the parent's NODE_OPTIONS: a debugger or loader meant for the parent must not run in it.
  const { NODE_OPTIONS: _, ...env } = process.env
  const child = spawn(process.execPath, [script], {
    cwd: '/',
    env,
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  child.unref()
  // The pipe must stay open for as long as this process lives, but must not be what keeps it alive.
  const input = child.stdin as Writable & { unref?(): void }
  input.unref?.()
  input.on('error', () => undefined)
  child.on('error', () => undefined)
  return input
}
