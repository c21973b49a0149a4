import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'

export const exampleFolder = fileURLToPath(new URL('../../apps/example', import.meta.url))

export interface Health {
  readonly status: string
  readonly liveQueries: number
  readonly pid: number
}

export interface AppOptions {
  /** Where the example is, or a copy of it. */
  readonly folder?: string
  /** As `pnpm dev` runs it, but without the watcher that restarts it. */
  readonly dev?: boolean
}

/** The example as `pnpm start` runs it: one process, on one port for as long as the object lives. */
export class App implements AsyncDisposable {
  readonly url: string
  readonly #connectionString: string
  readonly #options: AppOptions
  readonly #port: number
  #process: ChildProcess | undefined
  #log = ''

  private constructor(connectionString: string, options: AppOptions, port: number) {
    this.#connectionString = connectionString
    this.#options = options
    this.#port = port
    this.url = `http://127.0.0.1:${port}`
    process.once('exit', () => this.#process?.kill('SIGKILL'))
  }

  static async start(connectionString: string, options: AppOptions = {}): Promise<App> {
    const app = new App(connectionString, options, await freePort())
    await app.start()
    return app
  }

  async start(): Promise<void> {
    const { folder = exampleFolder, dev = false } = this.#options
    const child = spawn(process.execPath, ['--import', 'tsx', 'server.ts', ...(dev ? ['--dev'] : [])], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: environment({ DATABASE_URL: this.#connectionString, PORT: String(this.#port) }),
    })
    this.#process = child
    const ready = new Promise<void>((resolve, reject) => {
      for (const stream of [child.stdout, child.stderr]) {
        stream.on('data', (chunk: Buffer) => {
          this.#log += chunk.toString()
          if (this.#log.includes('Ready on')) resolve()
        })
      }
      child.once('exit', (code) => reject(new Error(`the app ended (${code}):\n${this.#log}`)))
    })
    this.#log = ''
    await ready
  }

  /** SIGTERM lets it close its connections first; SIGKILL is a crash. */
  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<number | null> {
    const child = this.#process
    if (!child || child.exitCode !== null || child.signalCode !== null) return null
    child.kill(signal)
    const [code] = (await once(child, 'exit')) as [number | null]
    return code
  }

  async health(): Promise<Health> {
    const response = await fetch(`${this.url}/api/health`)
    return (await response.json()) as Health
  }

  /** What the app wrote since it was last started. */
  get log(): string {
    return this.#log
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}

/** The test runner's own settings must not reach the app. */
export function environment(own: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const { NODE_ENV: _, NODE_OPTIONS: __, TRANSPORT: ___, ...inherited } = process.env
  return { ...inherited, NEXT_TELEMETRY_DISABLED: '1', ...own }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (typeof address !== 'object' || !address) throw new Error('no port')
  return address.port
}
