import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { Redis } from "ioredis";
import type { Logger } from "pino";
import { OperationRecord } from "../../../proto/gen/gantry/common/v1/operation.ts";
import type { Operation } from "../../../proto/gen/google/longrunning/operations.ts";
import { failedPrecondition, operationInProgress, resourceExhausted } from "../errors/errors.ts";
import { formatOperationName, parseOperationName } from "../names/operation-names.ts";
import { DuplicateRequest, type Resource, type Store, type Transaction } from "../store/api.ts";
import type { Operations, Submission, Submitted } from "./api.ts";
import { operationKind, queueName, UNFINISHED_SET } from "./kind.ts";
import { type JobLimits, jobLimits } from "./limits.ts";
import { operationOf, OperationMetadata, OperationState, writeMetadata } from "./metadata.ts";
import { Queues } from "./queues.ts";

/** The write is committed by then: a queue that is slow must not hold up the answer. The sweeper adds the job later. */
const ADD_TIMEOUT_MS = 2_000;
const PAYLOAD_MAX_BYTES = 64 * 1024;

export interface OperationQueueOptions {
  store: Store;
  /** Not used by others for blocking commands; stays open. */
  redis: Redis;
  log: Logger;
  limits?: Partial<JobLimits>;
  /**
   * Told of each operation that was written and has no other waiting before it, before its job is added: who works on its queue here can
   * begin. `active`: jobs of the queue that are under way.
   */
  onSubmitted?: (submitted: Submitted, active: number) => void;
}

interface Written extends Submitted {
  /** Jobs of its queue just before. */
  waiting: number;
  active: number;
}

/** Takes work in: writes operations and adds their jobs. Needs no worker in this process. */
export class OperationQueue implements Operations {
  readonly #store: Store;
  readonly #queues: Queues;
  readonly #limits: JobLimits;
  readonly #log: Logger;
  readonly #onSubmitted: OperationQueueOptions["onSubmitted"];

  constructor({ store, redis, log, limits, onSubmitted }: OperationQueueOptions) {
    this.#store = store;
    this.#onSubmitted = onSubmitted;
    this.#limits = jobLimits(limits);
    this.#log = log;
    this.#queues = new Queues({ redis, prefix: store.prefix, log });
  }

  async submit<T extends Resource>(submission: Submission<T>): Promise<Operation> {
    const id = `${this.#store.service}-${randomUUID()}`;
    const name = formatOperationName(submission.project, id);
    const request = submission.requestKey === undefined ? undefined : { key: submission.requestKey, value: name };
    let written: Written | undefined;
    let adding: Promise<void> | undefined;
    try {
      const write = async (tx: Transaction): Promise<Written> => (written = await this.#write(tx, submission, name));
      // The job may begin at once: it waits for the files itself before its first effect.
      const committed = (): void => {
        const { record, waiting, active } = written!;
        // Before its job is there: this run is the one that the job's delivery joins.
        if (waiting === 0) this.#onSubmitted?.(written!, active);
        adding = this.#add(record, id);
      };
      // Who is told of an operation finds it again, also when Redis and this process are lost at that moment.
      written = await this.#store.transact(write, { request, durable: true, committed });
    } catch (error) {
      if (!(error instanceof DuplicateRequest)) throw error;
      return this.#answerOf(error.value);
    }
    await adding;
    return operationOf(written.record);
  }

  /** Asks for cancellation. Nothing happens when the operation is done. NOT_FOUND when it does not exist. */
  async cancel(name: string): Promise<void> {
    await this.#store.mutate(operationKind, name, (record) => {
      if (record.operation?.done || record.cancelRequested) return false;
      record.cancelRequested = true;
    });
  }

  /** Closes the queues, not the store or the connection. */
  close(): Promise<void> {
    return this.#queues.close();
  }

  async #write<T extends Resource>(tx: Transaction, submission: Submission<T>, name: string): Promise<Written> {
    const { kind, target, verb, ahead = {} } = submission;
    const likely = ahead.host === undefined ? undefined : queueName(this.#store.service, ahead.host);
    const counting = likely === undefined ? undefined : this.#queues.counts(likely);
    const reads = (ahead.reads ?? []).map(({ kind, name }) => tx.get(kind, name));
    const [before] = await Promise.all([tx.get(kind, target), counting, ...reads]);
    const after = await this.#running(tx, before);
    if (after && verb !== "delete") throw operationInProgress(target, operationOf(after).name);
    const resource = await submission.write(tx, name);
    const payload = typeof submission.payload === "function" ? submission.payload() : submission.payload;
    if (payload && payload.length > PAYLOAD_MAX_BYTES) {
      throw resourceExhausted("payload", `parameters of ${submission.job} are larger than ${PAYLOAD_MAX_BYTES} bytes`);
    }
    if (!resource.meta) throw new Error(`${kind.name} ${target} was written without meta`);
    resource.meta.operation = name;
    tx.put(kind, resource);
    const host = submission.host(resource);
    const queue = queueName(this.#store.service, host);
    const { waiting, active } = await (counting && queue === likely ? counting : this.#queues.counts(queue));
    if (waiting >= this.#limits.queueWaitingMax) {
      throw resourceExhausted("queue", `${this.#limits.queueWaitingMax} operations wait on ${queue}: try again later`);
    }
    if (after) {
      after.cancelRequested = true;
      tx.put(operationKind, after);
    }
    const record = OperationRecord.fromPartial({
      meta: { name, host },
      operation: { name },
      job: submission.job,
      queue,
      payload: Buffer.from(payload ?? []),
      retain: submission.retain ?? false,
      after: after ? operationOf(after).name : "",
      targetKind: kind.name,
    });
    const metadata = OperationMetadata.fromPartial({ target, verb, createTime: tx.now, percent: -1 });
    metadata.targetUid = resource.meta.uid;
    metadata.state = OperationState.OPERATION_STATE_QUEUED;
    writeMetadata(record, metadata);
    tx.create(operationKind, record);
    tx.addToSet(UNFINISHED_SET, name);
    return { record, target: resource, waiting, active };
  }

  /** The operation that runs on the resource now. */
  async #running(tx: Transaction, resource: Resource | undefined): Promise<OperationRecord | undefined> {
    const name = resource?.meta?.operation;
    if (!name) return undefined;
    const record = await tx.get(operationKind, name);
    return record?.operation?.done ? undefined : record;
  }

  /** The first run's answer to a repeated request. It was done then, and is not done again. */
  async #answerOf(name: string): Promise<Operation> {
    const record = await this.#store.get(operationKind, name);
    if (record) return operationOf(record);
    throw failedPrecondition("OPERATION_DELETED", `the request was taken already; its operation ${name} was deleted`, {
      operation: name,
    });
  }

  async #add(record: OperationRecord, id: string): Promise<void> {
    const name = operationOf(record).name;
    const added = this.#queues.add(record.queue, id, record.job, name).catch((error: unknown) => {
      this.#log.warn({ err: error, operation: name }, "the job was not added: the sweeper adds it");
    });
    await Promise.race([added, delay(ADD_TIMEOUT_MS, undefined, { ref: false })]);
  }
}

/** Project id for access checks; empty for operations of the realm. INVALID_ARGUMENT when it is no operation's name. */
export function projectOfOperation(name: string): string {
  return parseOperationName(name).project;
}
