/** Links in Markdown that lead to files and headings of this repository. The network is never asked. */
import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

export interface BrokenLink {
  readonly file: string
  readonly link: string
  readonly reason: string
}

/** `files` are paths relative to `root`. */
export function brokenLinks(root: string, files: readonly string[]): BrokenLink[] {
  return files.flatMap((file) => {
    const links = linksOf(readFileSync(join(root, file), 'utf8'))
    return links.flatMap((link) => {
      const reason = whyBroken(root, file, link)
      return reason === undefined ? [] : [{ file, link, reason }]
    })
  })
}

function whyBroken(root: string, file: string, link: string): string | undefined {
  const [path = '', heading] = decodeURIComponent(link).split('#')
  const target = path === '' ? join(root, file) : join(root, dirname(file), path)
  if (relative(root, target).startsWith('..')) return 'leads out of the repository'
  if (!existsSync(target)) return 'no such file'
  if (heading === undefined || heading === '' || statSync(target).isDirectory() || !target.endsWith('.md'))
    return undefined
  return anchorsOf(readFileSync(target, 'utf8')).has(heading) ? undefined : 'no such heading'
}

function linksOf(markdown: string): string[] {
  const text = withoutCode(markdown)
  const inline = [...text.matchAll(/\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)/g)]
  const references = [...text.matchAll(/^\s*\[[^\]]+\]:\s*<?(\S+?)>?(?:\s|$)/gm)]
  const html = [...text.matchAll(/<(?:img|a|source)\b[^>]*?\b(?:src|href|srcset)="([^"]+)"/g)]
  const all = [...inline, ...references, ...html].map((match) => match[1] ?? '')
  return all.filter((link) => link !== '' && !/^([a-z][a-z0-9+.-]*:|\/\/)/i.test(link))
}

function anchorsOf(markdown: string): Set<string> {
  const seen = new Map<string, number>()
  const anchors = new Set<string>()
  for (const [, heading = ''] of withoutFences(markdown).matchAll(/^#{1,6}\s+(.+?)\s*#*$/gm)) {
    const slug = slugOf(heading)
    const count = seen.get(slug) ?? 0
    seen.set(slug, count + 1)
    anchors.add(count === 0 ? slug : `${slug}-${count}`)
  }
  for (const [, id = ''] of markdown.matchAll(/<[a-z]+\b[^>]*?\b(?:id|name)="([^"]+)"/g)) anchors.add(id)
  return anchors
}

/** As GitHub makes them. */
function slugOf(heading: string): string {
  const text = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
  const kept = text.toLowerCase().replace(/[^\p{Letter}\p{Number}\p{Mark}\s_-]/gu, '')
  return kept.trim().replace(/\s/g, '-')
}

function withoutFences(markdown: string): string {
  return markdown.replace(/^( *)(`{3,}|~{3,}).*?^\1?\2/gms, '')
}

function withoutCode(markdown: string): string {
  return withoutFences(markdown).replace(/`+[^`\n]*`+/g, '')
}
