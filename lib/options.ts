/**
 * The options: every default once, and the check of every option that an app passes.
 */
export {
  checkDefaults, defaults, devDefaults, drainDefaults, listDefaults, LOCAL_REDIS, routesDefaults, workerDefaults,
  type RoutesSettings, type Settings, type WorkerSettings
} from './options/defaults.ts'
export {
  advanceSettings, checkDefine, checkEnqueue, checkItems, checkList, checkPurge, checkRedisAddress, checkRedisUrl,
  checkResult, checkScheduleList, checkWhere, copyEnqueue, copyOptions, drainSettings, pluginSettings, workerSettings
} from './options/check.ts'
export { checkPause, checkSetLimit, refuseSameWindow } from './options/limits.ts'
export { checkLogs } from './options/logs.ts'
export { refuseClientOptions } from './options/redis-client.ts'
export { checkRunWorker } from './options/run-worker.ts'
export { checkHistory } from './options/history.ts'
export {
  checkFilter, checkMany, checkReschedule, manyStates, type CheckedFilter, type ManyCall
} from './options/operations.ts'
export { checkOtel } from './options/otel.ts'
export { checkFlow, checkGraph, flowDefaults, type CheckedFlow } from './options/flow.ts'
export { dashboardDefaults, dashboardSettings, type DashboardSettings } from './options/dashboard.ts'
export { checkSchedule, type CheckedSchedule } from './options/schedule.ts'
export { HOOK_ARITY, HOOK_NAMES } from './options/hook-names.ts'
export { isId, isObject, MAX_CONCURRENCY, MAX_PORT, MAX_TIMER, timeOf } from './options/rule-kinds.ts'
