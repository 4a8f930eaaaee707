/**
 * Finds the function that a module of the app exports.
 */

/**
 * The function that is the module's default export, or that a compiler wrapped into another `default`, or that is
 * its `module.exports`. Throws what `toError` makes of the names that the module exports.
 */
export function exportedFunction (module: any, toError: (names: string) => Error): (...args: any[]) => any {
  const exported = [module.default?.default, module.default, module['module.exports']]
  const found = exported.find(candidate => typeof candidate === 'function')
  if (!found) throw toError(Object.keys(module).join(', ') || 'nothing')
  return found
}
