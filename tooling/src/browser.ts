/**
 * Finds a Chromium for the browser tests, so that nothing needs to be downloaded from anywhere but npm.
 *
 *     const browser = await chromium.launch(await findBrowser())
 *
 * In this order: CHROMIUM_PATH; a Chromium or Chrome that is installed; Playwright's own, if it was ever installed; the
 * one that npm carries for Linux.
 */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { chromium } from 'playwright-core'
import { packagedBrowser } from './browser/packaged.js'

/** Options for playwright-core's `chromium.launch`. */
export interface BrowserLaunch {
  readonly executablePath: string
  readonly args: string[]
  readonly env: Record<string, string>
}

/** Tests talk to this machine only: a browser that wants to update itself or to report home just slows them down. */
const args = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--disable-dev-shm-usage',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

const linuxNames = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome', 'microsoft-edge-stable']
const macNames = ['Google Chrome', 'Chromium', 'Microsoft Edge']
const windowsNames = ['Google\\Chrome\\Application\\chrome.exe', 'Microsoft\\Edge\\Application\\msedge.exe']

export async function findBrowser(environment: NodeJS.ProcessEnv = process.env): Promise<BrowserLaunch> {
  const chosen = environment['CHROMIUM_PATH']
  if (chosen) {
    if (!starts(chosen, {})) throw new Error(`CHROMIUM_PATH names ${chosen}, which does not run`)
    return launch(chosen, environment)
  }
  const installed = candidates(environment).find((path) => existsSync(path) && starts(path, {}))
  if (installed !== undefined) return launch(installed, environment)
  return launchPackaged(environment)
}

async function launchPackaged(environment: NodeJS.ProcessEnv): Promise<BrowserLaunch> {
  const found = await packagedBrowser()
  if (found === undefined) {
    throw new Error('no browser found for the tests: install Chrome or Chromium, or set CHROMIUM_PATH to one')
  }
  for (const libraries of [{}, found.librariesEnvironment]) {
    const extra = { ...found.fontsEnvironment, ...libraries }
    if (starts(found.executablePath, extra)) return launch(found.executablePath, { ...environment, ...extra })
  }
  throw new Error(`the browser in ${found.executablePath} does not run: ${whyNot(found.executablePath)}`)
}

function launch(executablePath: string, environment: NodeJS.ProcessEnv): BrowserLaunch {
  const env = Object.entries(environment).filter((entry): entry is [string, string] => entry[1] !== undefined)
  return { executablePath, args: [...args], env: Object.fromEntries(env) }
}

function candidates(environment: NodeJS.ProcessEnv): string[] {
  const own = [chromium.executablePath()].filter(Boolean)
  if (process.platform === 'darwin') {
    return [...macNames.map((name) => `/Applications/${name}.app/Contents/MacOS/${name}`), ...own]
  }
  if (process.platform === 'win32') {
    const roots = [environment['PROGRAMFILES'], environment['PROGRAMFILES(X86)'], environment['LOCALAPPDATA']]
    return [...roots.flatMap((root) => (root ? windowsNames.map((name) => join(root, name)) : [])), ...own]
  }
  const folders = [...(environment['PATH'] ?? '').split(delimiter), '/usr/bin'].filter(Boolean)
  return [...linuxNames.flatMap((name) => folders.map((folder) => join(folder, name))), ...own]
}

/** Some distributions install a stub that only says where to get a browser: existing is not enough. */
function starts(path: string, env: Readonly<Record<string, string>>): boolean {
  // On Windows the question for the version opens a window.
  if (process.platform === 'win32') return existsSync(path)
  return probe(path, env).status === 0
}

function whyNot(path: string): string {
  const { stderr, error } = probe(path, {})
  return stderr?.trim() || error?.message || 'it gave no reason'
}

function probe(path: string, env: Readonly<Record<string, string>>) {
  const options = { cwd: tmpdir(), encoding: 'utf8', env: { ...process.env, ...env }, timeout: 30_000 } as const
  return spawnSync(path, ['--no-sandbox', '--version'], options)
}
