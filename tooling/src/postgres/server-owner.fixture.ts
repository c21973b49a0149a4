// A program that starts a server, says where, and then ends in the way that its argument names, never stopping the server.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { startPostgres } from '../postgres.js'

const server = await startPostgres({ dedicated: true })
const lines = (await readFile(join(server.dataDirectory, 'postmaster.pid'), 'utf8')).split('\n')
console.log(JSON.stringify({ pid: Number(lines[0]), directory: server.dataDirectory }))
if (process.argv[2] === 'exit') process.exit(1)
if (process.argv[2] === 'throw') throw new Error('nobody catches this')
setInterval(() => undefined, 1000)
