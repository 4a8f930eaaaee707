/**
 * The style sheet and the script of the page. Their address has a hash of their content: browsers keep them for ever.
 */
import { hash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import type { FastifyInstance } from 'fastify'
import { assets } from './assets.generated.ts'

export type AssetName = keyof typeof assets

const TYPES: Record<AssetName, string> = { 'style.css': 'text/css', 'page.js': 'text/javascript' }

const hashes = Object.fromEntries(Object.entries(assets).map(([name, content]) =>
  [name, hash('sha1', content).slice(0, 12)]))

/** Below the first page. */
export const assetPath = (name: AssetName): string => `assets/${hashes[name]}/${name}`

export function serveAssets (scope: FastifyInstance): void {
  for (const name of Object.keys(assets) as AssetName[]) {
    const zipped = gzipSync(assets[name])
    scope.get(`/${assetPath(name)}`, { schema: { hide: true } as object }, (request, reply) => {
      reply.type(`${TYPES[name]}; charset=utf-8`)
        .headers({ 'cache-control': 'public, max-age=31536000, immutable', vary: 'accept-encoding' })
      if (!/\bgzip\b/.test(request.headers['accept-encoding'] ?? '')) return reply.send(assets[name])
      return reply.header('content-encoding', 'gzip').send(zipped)
    })
  }
}
