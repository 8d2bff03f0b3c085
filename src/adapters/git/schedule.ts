import { createTask, validateDetailed } from 'node-cron';
import type { Logger } from '../../controller/ports.ts';
import type { Scheduler } from '../../controller/source-ports.ts';

/** Cron with node-cron; throws an Error that names the field when the expression is invalid. Times are those of the process. */
export function createScheduler(logger: Logger): Scheduler {
  return (cron, callback) => {
    const { valid, errors } = validateDetailed(cron);
    if (!valid) {
      throw new Error(`reading schedule '${cron}': ${errors.map(error => `${error.field}: ${error.message}`).join('; ')}`);
    }
    const task = createTask(cron, callback, { noOverlap: true, logger: toCronLogger(logger) });
    // A timer that fires a little late is no news: the next one comes with the schedule.
    task.on('execution:failed', ({ execution }) => logger.error({ cron, err: execution?.error }, 'scheduled task failed'));
    void task.start();
    return { stop: () => void task.destroy() };
  };
}

/** node-cron would write to the console. What it says is about its own timing: of interest only when looking for a fault. */
function toCronLogger(logger: Logger) {
  const log = (message: string | Error) =>
    logger.debug({ detail: message instanceof Error ? message.message : message }, 'schedule');
  return { debug: log, info: log, warn: log, error: log };
}
