/**
 * The hooks of one plugin instance, by scope. As with the hooks of a route, those of a task are the hooks of the scope
 * that defines it and of the scopes around that, the outermost first, and then its own; also those that are added
 * after the task was defined.
 */
import { errorCodes, type FastifyInstance } from 'fastify'
import { describeKind } from '../describe.ts'
import { HOOK_ARITY, HOOK_NAMES } from '../options.ts'
import { hooksOf, type AnyHook, type HookLists } from './hook-lists.ts'
import type { TaskHookName, TaskHooks } from '../types.ts'

export class AppHooks {
  readonly #scopes = new WeakMap<object, HookLists>()
  /** Raised by each hook that is added. */
  #version = 0

  /** Throws Fastify's FST_ERR_HOOK_* and FST_ERR_INSTANCE_ALREADY_LISTENING. */
  add (scope: FastifyInstance, name: TaskHookName, hook: AnyHook): void {
    checkHook(name, hook)
    refuseStarted(scope)
    let lists = this.#scopes.get(scope)
    if (!lists) this.#scopes.set(scope, lists = {})
    const list = lists[name] ??= []
    list.push(hook)
    this.#version++
  }

  /**
   * Returns a function that gives the hooks of a task. Null if it has none.
   * @param own those of its options
   */
  of (scope: FastifyInstance, own: TaskHooks<any, any>): () => HookLists | null {
    for (const name of HOOK_NAMES) for (const hook of hooksOf(own[name])) checkHook(name, hook)
    let version = -1
    let lists: HookLists | null = null
    return () => {
      if (version !== this.#version) {
        lists = this.#collect(scope, own)
        version = this.#version
      }
      return lists
    }
  }

  #collect (scope: FastifyInstance, own: TaskHooks<any, any>): HookLists | null {
    const collected: HookLists = {}
    const all = [...this.#around(scope), own]
    for (const name of HOOK_NAMES) {
      const hooks = all.flatMap(lists => hooksOf(lists[name]))
      if (hooks.length > 0) collected[name] = hooks
    }
    return Object.keys(collected).length > 0 ? collected : null
  }

  /** Fastify makes a scope with the scope around it as its prototype. */
  #around (scope: object): HookLists[] {
    const found: HookLists[] = []
    for (let at: object | null = scope; at !== null; at = Object.getPrototypeOf(at)) {
      const lists = this.#scopes.get(at)
      if (lists) found.unshift(lists)
    }
    return found
  }
}

/** As Fastify checks a hook. */
function checkHook (name: TaskHookName, hook: AnyHook): void {
  if (typeof name !== 'string') throw new errorCodes.FST_ERR_HOOK_INVALID_TYPE()
  if (!HOOK_NAMES.includes(name)) throw new errorCodes.FST_ERR_HOOK_NOT_SUPPORTED(name)
  if (typeof hook !== 'function') throw new errorCodes.FST_ERR_HOOK_INVALID_HANDLER(name, describeKind(hook))
  const isAsync = hook.constructor.name === 'AsyncFunction'
  if (isAsync && hook.length > HOOK_ARITY[name]) throw new errorCodes.FST_ERR_HOOK_INVALID_ASYNC_HANDLER()
}

/** Fastify's own check throws. An onReady hook that does nothing costs nothing later. */
function refuseStarted (scope: FastifyInstance): void { scope.addHook('onReady', async () => {}) }
