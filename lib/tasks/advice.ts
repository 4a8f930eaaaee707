/** What the caller of a failed read or change should do. It is in the cause of FST_TASKS_REDIS_UNAVAILABLE. */
export const TRY_AGAIN = 'Try again later.'
