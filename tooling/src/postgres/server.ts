/** One PostgreSQL server of our own: a data directory that nobody else has, and the process that runs on it. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmod, chown, cp, mkdtemp, open, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { type PostgresBinaries, type PostgresMajor, findBinaries } from './binaries.js'
import { serverUser } from './user.js'
import { forget, watch } from './watchdog.js'

export interface ServerOptions {
  readonly major: PostgresMajor
  readonly settings: Readonly<Record<string, string>>
  readonly user: string
  readonly password: string
}

export type StopMode = 'fast' | 'immediate'

const startTimeoutMs = 30_000
const signals = { fast: 'SIGINT', immediate: 'SIGQUIT' } as const

export class PostgresStartError extends Error {
  override readonly name = 'PostgresStartError'
  /** What the server or initdb wrote before it gave up. */
  readonly log: string

  constructor(message: string, log: string) {
    super(`${message}. Its log:\n${log.slice(-4000)}`)
    this.log = log
  }
}

export class PostgresServer {
  readonly directory: string
  readonly #binaries: PostgresBinaries
  readonly #options: ServerOptions
  #port = 0
  #process: ChildProcess | undefined

  private constructor(directory: string, binaries: PostgresBinaries, options: ServerOptions) {
    this.directory = directory
    this.#binaries = binaries
    this.#options = options
  }

  static async create(options: ServerOptions): Promise<PostgresServer> {
    return PostgresServer.#begin(await findBinaries(options.major), options, (server) => server.#initialize())
  }

  static async #begin(
    binaries: PostgresBinaries,
    options: ServerOptions,
    makeData: (server: PostgresServer) => Promise<void>,
  ): Promise<PostgresServer> {
    const directory = await mkdtemp(join(serverUser.temporaryFolder, 'pg-realtime-server-'))
    watch(directory)
    const server = new PostgresServer(directory, binaries, options)
    try {
      await makeData(server)
      await server.#startOnFreePort()
      return server
    } catch (error) {
      await server.stop('immediate')
      throw error
    }
  }

  get port(): number {
    return this.#port
  }

  get dataDirectory(): string {
    return join(this.directory, 'data')
  }

  get pid(): number | undefined {
    return this.#process?.pid
  }

  async log(): Promise<string> {
    return readFile(join(this.directory, 'log'), 'utf8').catch(() => '')
  }

  /** Stops the server for good and removes its files. */
  async stop(mode: StopMode = 'fast'): Promise<void> {
    await this.#end(signals[mode])
    await rm(this.directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
    forget(this.directory)
  }

  /** Stops the server if it runs and starts it again on the same port and data. */
  async restart(mode: StopMode = 'fast'): Promise<void> {
    await this.#end(signals[mode])
    const deadline = Date.now() + startTimeoutMs
    for (;;) {
      try {
        return await this.#start()
      } catch (error) {
        // After a kill the orphaned backends hold the shared memory until they notice, which takes a moment.
        if (!/shared memory|lock file|Address already in use/.test(String(error)) || Date.now() > deadline) throw error
        await wait(50)
      }
    }
  }

  /** A hot standby on a copy of the data; nothing that is written later reaches it. Restarts this server. */
  async standby(): Promise<PostgresServer> {
    await this.#end(signals.fast)
    try {
      return await PostgresServer.#begin(this.#binaries, this.#options, (server) =>
        server.#copyData(this.dataDirectory),
      )
    } finally {
      await this.#start()
    }
  }

  /** Kills all of the server's processes, as a crash of the machine would. `restart` brings it back, through recovery. */
  async kill(): Promise<void> {
    // The postmaster first: it would answer the death of a child with a restart. Orphans may outlive it for many seconds.
    const children = await childrenOf(this.#process?.pid)
    await this.#end('SIGKILL')
    for (const pid of children) killIfAlive(pid)
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.ref()
    child.kill(signal)
    await ended
  }

  async #initialize(): Promise<void> {
    const passwordFile = join(this.directory, 'password')
    await writeFile(passwordFile, this.#options.password)
    await this.#giveToServerUser(this.directory, passwordFile)
    const { user } = this.#options
    const args = ['-D', this.dataDirectory, '-U', user, '-A', 'password', `--pwfile=${passwordFile}`]
    const child = await this.#spawn(this.#binaries.initdb, [...args, '--encoding=UTF8', '--locale=C', '--no-sync'])
    const [code] = (await once(child, 'exit')) as [number | null]
    await rm(passwordFile)
    if (code !== 0) throw new PostgresStartError(`initdb ended with code ${code}`, await this.log())
  }

  async #copyData(from: string): Promise<void> {
    await cp(from, this.dataDirectory, { recursive: true })
    await writeFile(join(this.dataDirectory, 'standby.signal'), '')
    const { uid, gid } = serverUser.identity
    if (uid === undefined || gid === undefined) return
    const files = await readdir(this.dataDirectory, { recursive: true })
    await Promise.all(['', ...files].map((file) => chown(join(this.dataDirectory, file), uid, gid)))
    await chown(this.directory, uid, gid)
  }

  async #giveToServerUser(...paths: string[]): Promise<void> {
    const { uid, gid } = serverUser.identity
    for (const path of paths) {
      await chmod(path, path === this.directory ? 0o700 : 0o600)
      if (uid !== undefined && gid !== undefined) await chown(path, uid, gid)
    }
  }

  async #startOnFreePort(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      this.#port = await freePort()
      try {
        return await this.#start()
      } catch (error) {
        // Somebody else may take the port between the look and the start.
        if (attempt === 5 || !/Address already in use/.test(String(error))) throw error
      }
    }
  }

  async #start(): Promise<void> {
    await rm(join(this.directory, 'log'), { force: true })
    const settings = Object.entries({ ...this.#options.settings, port: String(this.#port) })
    const args = settings.flatMap(([name, value]) => ['-c', `${name}=${value}`])
    const child = await this.#spawn(this.#binaries.postgres, ['-D', this.dataDirectory, ...args])
    this.#process = child
    const deadline = Date.now() + startTimeoutMs
    while (!(await this.#ready())) {
      if (child.exitCode !== null || child.signalCode !== null || Date.now() > deadline) {
        await this.#end('SIGQUIT')
        throw new PostgresStartError(`PostgreSQL ${this.#options.major} did not start`, await this.log())
      }
      await wait(10)
    }
    child.unref()
  }

  /** The server writes its state to the eighth line of postmaster.pid; the first one tells a left-over file from its own. */
  async #ready(): Promise<boolean> {
    const lines = (await readFile(join(this.dataDirectory, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n')
    return lines[0] === String(this.#process?.pid) && lines[7]?.trim() === 'ready'
  }

  async #spawn(program: string, args: string[]): Promise<ChildProcess> {
    const log = await open(join(this.directory, 'log'), 'a')
    try {
      // Partial: a framework's types may declare variables that every environment has to have.
      const env: Partial<NodeJS.ProcessEnv> = { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' }
      const stdio = ['ignore', log.fd, log.fd] as const
      // Detached: a Ctrl-C in the terminal is for the process that owns the server, which then stops it in its own order.
      const options = {
        ...serverUser.identity,
        cwd: this.directory,
        env: env as NodeJS.ProcessEnv,
        detached: true,
        stdio: [...stdio],
      }
      const child = spawn(program, args, options)
      await once(child, 'spawn')
      watch(this.directory, child.pid)
      return child
    } finally {
      await log.close()
    }
  }
}

async function childrenOf(pid: number | undefined): Promise<number[]> {
  if (pid === undefined) return []
  const listed = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => undefined)
  const text = listed ?? spawnSync('pgrep', ['-P', String(pid)], { encoding: 'utf8' }).stdout ?? ''
  return text.split(/\s+/).filter(Boolean).map(Number)
}

function killIfAlive(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It is gone already.
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('the system gave no port')
  return address.port
}
