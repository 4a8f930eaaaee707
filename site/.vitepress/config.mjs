// The site of docs/: VitePress reads the pages where they are. docs/index.md is its first page and its sidebar.
import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { defineConfig } from 'vitepress'

const root = resolve(import.meta.dirname, '../..')
const docs = join(root, 'docs')
const modules = path => resolve(import.meta.dirname, '../node_modules', path)
const { homepage, version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const repository = homepage.replace(/#.*/, '')

/** One group for each heading of docs/index.md, with the links of the table below it. */
function sidebar () {
  const [, ...parts] = readFileSync(join(docs, 'index.md'), 'utf8').split(/^## /m)
  return parts.map(part => ({
    text: part.split('\n', 1)[0],
    collapsed: /^(Internals|Decisions)/.test(part),
    items: [...part.matchAll(/^\| \[(.+?)\]\((.+?)\.md\) \| (.+?) \|$/gm)].map(([, text, page, about]) =>
      ({ text: /^\d+$/.test(text) ? about : text, link: `/${page}` }))
  }))
}

/** A link to a file that is no page of the site leads to the repository. */
function linkToRepository (href, page) {
  if (/^(?:[a-z]+:|#|\/)/.test(href)) return href
  const [path, anchor] = href.split('#')
  const target = resolve(dirname(page), path)
  if (target.startsWith(docs) && target.endsWith('.md')) return href
  if (!existsSync(target)) throw new Error(`${relative(root, page)}: ${href} does not exist`)
  const kind = statSync(target).isDirectory() ? 'tree' : 'blob'
  return `${repository}/${kind}/main/${relative(root, target)}${anchor ? `#${anchor}` : ''}`
}

export default defineConfig({
  title: 'fastify-tasks',
  description: 'Background jobs for Fastify',
  base: process.env.DOCS_BASE ?? '/',
  srcDir: docs,
  outDir: resolve(import.meta.dirname, '../dist'),
  cleanUrls: true,
  lastUpdated: false,
  markdown: {
    // GitHub's rule, so that a link with an anchor is right in both places.
    anchor: { slugify: text => text.trim().toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-') },
    config (md) {
      md.core.ruler.push('links to the repository', ({ tokens, env }) => {
        const inner = tokens.flatMap(token => token.children ?? [])
        for (const token of inner.filter(({ type }) => type === 'link_open')) {
          token.attrSet('href', linkToRepository(token.attrGet('href'), env.path))
        }
      })
    }
  },
  vite: {
    // The pages are outside of this folder, which has the packages.
    resolve: {
      alias: [
        { find: 'vue/server-renderer', replacement: modules('vue/server-renderer/index.mjs') },
        { find: /^vue$/, replacement: modules('vue/dist/vue.runtime.esm-bundler.js') }
      ]
    }
  },
  themeConfig: {
    nav: [
      { text: 'Guides', link: '/guides/workers' },
      { text: 'Options', link: '/reference/options' },
      { text: 'API', link: `${process.env.DOCS_BASE ?? '/'}api/index.html`, target: '_self' },
      { text: version, link: `${repository}/blob/main/CHANGELOG.md` }
    ],
    sidebar: sidebar(),
    outline: [2, 3],
    search: { provider: 'local' },
    socialLinks: [{ icon: 'github', link: repository }]
  }
})
