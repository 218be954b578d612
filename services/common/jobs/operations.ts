import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { Redis } from "ioredis";
import type { Logger } from "pino";
import { OperationRecord } from "../../../proto/gen/gantry/common/v1/operation.ts";
import type { Operation } from "../../../proto/gen/google/longrunning/operations.ts";
import { failedPrecondition, operationInProgress, resourceExhausted } from "../errors/errors.ts";
import { formatOperationName, parseOperationName } from "../names/operation-names.ts";
import { type Bound, DuplicateRequest, Full, type Resource, type Store, type Transaction } from "../store/api.ts";
import type { Operations, Submission } from "./api.ts";
import { operationKind, queueName, UNFINISHED_SET } from "./kind.ts";
import { type JobLimits, jobLimits } from "./limits.ts";
import { operationOf, OperationMetadata, OperationState, writeMetadata } from "./metadata.ts";
import type { Place, Submitted } from "./place.ts";
import { Queues } from "./queues.ts";
import { isFenced } from "./transient.ts";

/** The write is committed by then: a queue that is slow must not hold up the answer. The sweeper adds the job later. */
const ADD_TIMEOUT_MS = 2_000;
const PAYLOAD_MAX_BYTES = 64 * 1024;

export interface OperationQueueOptions {
  store: Store;
  /** Not used by others for blocking commands; stays open. */
  redis: Redis;
  log: Logger;
  limits?: Partial<JobLimits>;
  /** Where this process works on the queue and has room: an operation with no other waiting before it begins without the way through Redis. */
  reserve?: (queue: string) => Place | undefined;
}

interface Written extends Submitted {
  /** Where it begins at once. */
  place: Place | undefined;
}

/** Takes work in: writes operations and adds their jobs. Needs no worker in this process. */
export class OperationQueue implements Operations {
  readonly #store: Store;
  readonly #queues: Queues;
  readonly #limits: JobLimits;
  readonly #log: Logger;
  readonly #reserve: (queue: string) => Place | undefined;

  constructor({ store, redis, log, limits, reserve = () => undefined }: OperationQueueOptions) {
    this.#store = store;
    this.#reserve = reserve;
    this.#limits = jobLimits(limits);
    this.#log = log;
    this.#queues = new Queues({ redis, prefix: store.prefix, log });
  }

  async submit<T extends Resource>(submission: Submission<T>): Promise<Operation> {
    const id = `${this.#store.service}-${randomUUID()}`;
    const name = formatOperationName(submission.project, id);
    try {
      return (
        (await this.#submit(submission, { id, name }, true)) ?? (await this.#submit(submission, { id, name }, false))!
      );
    } catch (error) {
      if (!(error instanceof DuplicateRequest)) throw error;
      return this.#answerOf(error.value);
    }
  }

  /** `atOnce`: it may begin here, before its job is there. Undefined: it may not after all, as others wait before it; nothing is written. */
  async #submit<T extends Resource>(
    submission: Submission<T>,
    { id, name }: { id: string; name: string },
    atOnce: boolean,
  ): Promise<Operation | undefined> {
    const { requestKey, known = [] } = submission;
    const request = requestKey === undefined ? undefined : { key: requestKey, value: name };
    let written: Written | undefined;
    let adding: Promise<void> | undefined;
    const write = async (tx: Transaction): Promise<void> => {
      written?.place?.release();
      written = await this.#write(tx, submission, { name, atOnce });
    };
    const committed = (): void => {
      const { place, record } = written!;
      // What begins here needs its job only when this process is lost: until its first effect the disk is left to what that waits for.
      if (place) place.begin(written!);
      else adding = this.#add(record, id);
    };
    try {
      // Who is told of an operation finds it again, also when Redis and this process are lost at that moment.
      await this.#store.transact(write, { request, known, durable: true, committed });
      const { record } = written!;
      await (adding ?? this.#add(record, id));
      return operationOf(record);
    } catch (error) {
      const refused = error instanceof Full || isFenced(error);
      if (refused && written?.place) return undefined;
      if (!(error instanceof Full) || !written) throw error;
      const { queueWaitingMax } = this.#limits;
      const { queue } = written.record;
      throw resourceExhausted("queue", `${queueWaitingMax} operations wait on ${queue}: try again later`);
    } finally {
      written?.place?.release();
    }
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

  async #write<T extends Resource>(
    tx: Transaction,
    submission: Submission<T>,
    { name, atOnce }: { name: string; atOnce: boolean },
  ): Promise<Written> {
    const { kind, target, verb } = submission;
    const after = await this.#running(tx, await tx.get(kind, target));
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
    const place = atOnce ? this.#reserve(queue) : undefined;
    const written = { record, target: resource, place };
    tx.require({ fence: place?.fence, bounds: this.#bounds(queue, place) });
    try {
      await place?.plan(written, tx.now);
    } catch (error) {
      place?.release();
      throw error;
    }
    return written;
  }

  /** Who begins at once overtakes nobody, and is not one too many. */
  #bounds(queue: string, place: Place | undefined): Bound[] {
    if (place === undefined) return [this.#queues.waitingBound(queue, this.#limits.queueWaitingMax)];
    return [this.#queues.waitingBound(queue, 1), this.#queues.activeBound(queue, place.concurrency)];
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
