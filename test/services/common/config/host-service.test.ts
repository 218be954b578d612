import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError, type ConfigReader, readConfig } from "../../../../services/common/config/config.ts";
import { readHostServiceConfig } from "../../../../services/common/config/host-service.ts";
import { readServices } from "../../../../services/common/config/services.ts";

const build = (c: ConfigReader) => ({
  ...readHostServiceConfig(c, {
    metricsListen: "127.0.0.1:1",
    listen: "127.0.0.1:2",
    jobConcurrency: 3,
    waitingMax: 40,
  }),
  services: readServices(c, ""),
});
const needed = { GANTRY_REDIS_URL: "unix:///run/r.sock", GANTRY_HOST_NAME: "h1" };

test("a service's own defaults", () => {
  const { listen, metricsListen, jobConcurrency, jobQueueMax, admissionsWaitingMax, services } = readConfig(
    needed,
    build,
  );
  assert.deepEqual(
    { listen, metricsListen, jobConcurrency, jobQueueMax, admissionsWaitingMax },
    {
      listen: "127.0.0.1:2",
      metricsListen: "127.0.0.1:1",
      jobConcurrency: 3,
      jobQueueMax: 40,
      admissionsWaitingMax: 40,
    },
  );
  assert.equal(services.size, 0);
});

test("limits out of their range are named, all at once", () => {
  const env = {
    ...needed,
    GANTRY_ENGINE_CONCURRENCY: "0",
    GANTRY_JOB_CONCURRENCY: "257",
    GANTRY_JOB_QUEUE_MAX: "0",
    GANTRY_ADMISSIONS_WAITING_MAX: "1000001",
    GANTRY_LOG_MEMORY_PERCENT: "50",
    GANTRY_WATCHERS_PER_USER_MAX: "0",
    GANTRY_SERVICES: "compute=9611",
  };
  assert.throws(
    () => readConfig(env, build),
    (error: ConfigError) => {
      assert.deepEqual(error.problems, [
        'GANTRY_ENGINE_CONCURRENCY is "0" but must be at least 1',
        'GANTRY_JOB_CONCURRENCY is "257" but must be at most 256',
        'GANTRY_JOB_QUEUE_MAX is "0" but must be at least 1',
        'GANTRY_ADMISSIONS_WAITING_MAX is "1000001" but must be at most 1000000',
        'GANTRY_LOG_MEMORY_PERCENT is "50" but must be at most 40',
        'GANTRY_WATCHERS_PER_USER_MAX is "0" but must be at least 1',
        'GANTRY_SERVICES is "compute=9611" but must be host:port or [ipv6]:port',
      ]);
      return true;
    },
  );
});
