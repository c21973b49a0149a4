import { parseArgs } from 'node:util'

const { values } = parseArgs({ options: { dev: { type: 'boolean', default: false } } })

if (!process.env['DATABASE_URL']) {
  console.error('DATABASE_URL is not set. `pnpm demo` brings its own database.')
  process.exit(1)
}

// Next and React look at this when they are loaded, so it must stand before.
if (!values.dev) Object.assign(process.env, { NODE_ENV: 'production' })
const { serve } = await import('./src/server/serve')

const app = await serve({
  port: Number(process.env['PORT'] ?? 3000),
  host: process.env['HOST'] ?? '127.0.0.1',
  dev: values.dev,
})
console.log(`Ready on ${app.url}`)

for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => void app.close().then(() => process.exit(0)))
