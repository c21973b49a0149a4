#!/usr/bin/env node
import { main } from '../dist/cli.js'

const write = (stream) => (text) => stream.write(text)
process.exitCode = await main(process.argv.slice(2), write(process.stdout), write(process.stderr))
