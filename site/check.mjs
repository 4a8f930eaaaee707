// Checks each link of the built site that stays in it: the file is there, and so is the heading.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'

const dist = resolve(import.meta.dirname, 'dist')
const pages = readdirSync(dist, { recursive: true, encoding: 'utf8' })
  .filter(name => name.endsWith('.html') && !name.startsWith('api/')).map(name => join(dist, name))
const idsIn = page => new Set([...readFileSync(page, 'utf8').matchAll(/\sid="([^"]+)"/g)].map(match => match[1]))
const idsOf = new Map(pages.map(page => [page, idsIn(page)]))

/** The file behind an address without its base: a page, or an asset. */
function fileOf (page, path) {
  const target = path === '' ? page : path.startsWith('/') ? join(dist, path) : join(dirname(page), path)
  return [target, `${target}.html`, join(target, 'index.html')].find(file => /\.\w+$/.test(file) && existsSync(file))
}

let links = 0
const dead = []
for (const page of pages) {
  for (const [, href] of readFileSync(page, 'utf8').matchAll(/\s(?:href|src)="([^"]+)"/g)) {
    if (/^(?:[a-z]+:|\/\/)/.test(href)) continue
    const [path, anchor] = href.replaceAll('&amp;', '&').split('#')
    links++
    const file = fileOf(page, decodeURI(path))
    if (!file) dead.push(`${page.slice(dist.length)}: ${href} leads nowhere`)
    else if (anchor && idsOf.has(file) && !idsOf.get(file).has(decodeURIComponent(anchor))) {
      dead.push(`${page.slice(dist.length)}: ${href} has no such heading`)
    }
  }
}
for (const each of new Set(dead)) console.error(each)
console.log(`${pages.length} pages, ${links} links, ${dead.length} dead`)
process.exitCode = dead.length > 0 || pages.length < 20 ? 1 : 0
