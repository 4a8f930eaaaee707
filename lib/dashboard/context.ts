/**
 * What the pages share.
 */
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { PluginInstance } from '../boot/app-registry.ts'
import type { DashboardSettings } from '../options.ts'
import type { Rights } from './access.ts'
import type { Html } from './html.ts'
import type { Sampler } from './sampler.ts'

export type Query = Record<string, string>

export interface PageContext {
  readonly instance: PluginInstance
  readonly settings: DashboardSettings
  readonly sampler: Sampler
  readonly rights: Rights
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  /** Parameters of the path. */
  readonly params: Query
  /** Each once: of a name that is given twice, the last. */
  readonly query: Query
  /** The way from this page to the first one, relative: a proxy may serve the page under another path. */
  readonly root: string
}

/** A page: its title, which entry of the menu it belongs to, and what is on it. Null: it has sent its own answer. */
export interface Page {
  title: string
  section: string
  body: Html
  /** The status of the reply. Default 200. */
  status?: number
}

export type MakePage = (context: PageContext) => Promise<Page | null>
