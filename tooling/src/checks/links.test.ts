import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { brokenLinks } from './links.js'
import { repositoryFiles, repositoryRoot } from './repository.js'

it('holds in this repository', () => {
  expect(brokenLinks(repositoryRoot, repositoryFiles(/\.md$/))).toEqual([])
})

// That the files exist is what the test above finds.
it('leads from each promise to tests that hold it', () => {
  const guarantees = readFileSync(join(repositoryRoot, 'docs/guarantees.md'), 'utf8')
  const promises = [...guarantees.matchAll(/^\| \*\*(.+?)\*\* .*\|([^|]*)\|$/gm)]
  expect(promises.length).toBeGreaterThanOrEqual(7)
  const without = promises.filter(([, , tests = '']) => !/\]\([^)]+\.test\.ts\)/.test(tests)).map(([, name]) => name)
  expect(without).toEqual([])
})

let root: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'links-'))
})
afterEach(() => rm(root, { recursive: true }))

async function check(markdown: string) {
  await writeFile(join(root, 'a.md'), markdown)
  await writeFile(
    join(root, 'b.md'),
    '# What `it` does, and why\n\n## Same\n\n## Same\n\n```sh\n# not a heading\n```\n',
  )
  return brokenLinks(root, ['a.md']).map(({ link, reason }) => `${link}: ${reason}`)
}

it('accepts files, headings, other sites, and code that looks like a link', async () => {
  const markdown = `# Top
[b](b.md) [heading](b.md#what-it-does-and-why) [second](./b.md#same-1) [own](#top) [web](https://example.com/x.md)
![picture](b.md "title") <img src="b.md"> [reference]

[reference]: b.md#same
\`[code](missing.md)\`

\`\`\`md
[fenced](missing.md)
\`\`\`
`
  expect(await check(markdown)).toEqual([])
})

it('finds missing files and headings, and links that leave the repository', async () => {
  const markdown = `[x](missing.md) [y](b.md#nothing) [z](#nowhere) <img src="missing.png"> [comment](b.md#not-a-heading)
[out](../elsewhere.md) [r]

[r]: gone.md
`
  expect(await check(markdown)).toEqual([
    'missing.md: no such file',
    'b.md#nothing: no such heading',
    '#nowhere: no such heading',
    'b.md#not-a-heading: no such heading',
    '../elsewhere.md: leads out of the repository',
    'gone.md: no such file',
    'missing.png: no such file',
  ])
})
