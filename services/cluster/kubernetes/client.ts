import type { Agent } from "node:https";
import { internal } from "../../common/errors/errors.ts";
import type { Credentials } from "./credentials.ts";
import { isKubernetesStatus, kubernetesAnswerError, kubernetesGone } from "./errors.ts";
import { type Answer, AnswerTooLong, apiAgent, NotConnected, send } from "./transport.ts";
import { type ClusterTarget, type Endpoint, sameTarget } from "./target.ts";

/** Limit of a call that names none. */
export const CALL_TIMEOUT_MS = 15_000;
export const READY_TIMEOUT_MS = 3_000;
/** Objects of one page of a list. */
export const PAGE_LIMIT = 500;
/** A page that is too long is asked for again with an eighth of its objects. */
const PAGE_SHRINK = 8;

export interface CallOptions {
  query?: Record<string, string | number | boolean | undefined>;
  /** Sent as JSON. */
  body?: object | undefined;
  /** Of the body: `application/strategic-merge-patch+json` for a patch, for example. */
  contentType?: string;
  timeoutMs?: number;
  signal?: AbortSignal | undefined;
}

export type CredentialSource = (target: ClusterTarget, signal: AbortSignal | undefined) => Promise<Credentials>;

interface List<T> {
  metadata?: { continue?: string; resourceVersion?: string };
  items?: T[] | null;
}

export interface Page<T> {
  items: T[];
  resourceVersion: string;
}

/** What a stream of its own is opened with. */
export interface Connection {
  endpoint: Endpoint;
  credentials: Credentials;
}

/**
 * The API of one cluster, asked as its admin. Nothing is connected or read before the first call. Where an endpoint takes no connection the
 * next is tried; where the credentials are refused they are read again, once.
 */
export class KubernetesClient {
  #target: ClusterTarget;
  readonly #source: CredentialSource;
  #credentials: Promise<Credentials> | undefined;
  #agent: Agent | undefined;
  /** The endpoint that took the last connection. */
  #current = 0;

  constructor(target: ClusterTarget, source: CredentialSource) {
    this.#target = target;
    this.#source = source;
  }

  get target(): ClusterTarget {
    return this.#target;
  }

  /** Where the API is now. */
  retarget(target: ClusterTarget): void {
    if (sameTarget(this.#target, target)) return;
    this.#target = target;
    this.#current = 0;
  }

  /** The next call reads credentials anew and connects anew. */
  forget(): void {
    this.#credentials = undefined;
    this.#agent?.destroy();
    this.#agent = undefined;
  }

  /** Takes credentials that are known already. */
  use(credentials: Credentials): void {
    this.forget();
    this.#credentials = Promise.resolve(credentials);
  }

  /** Resolves when the API server says that it is ready. */
  async ready(options: Pick<CallOptions, "timeoutMs" | "signal"> = {}): Promise<void> {
    await this.#answer("GET", "/readyz", { timeoutMs: READY_TIMEOUT_MS, ...options });
  }

  async call<T>(method: string, path: string, options: CallOptions = {}): Promise<T> {
    const { body } = await this.#answer(method, path, options);
    try {
      return (body === "" ? undefined : JSON.parse(body)) as T;
    } catch (error) {
      throw internal("KUBERNETES_ANSWER_INVALID", `Kubernetes API: the answer to ${method} ${path} is no JSON`, error);
    }
  }

  get<T>(path: string, options: CallOptions = {}): Promise<T> {
    return this.call("GET", path, options);
  }

  /** Undefined when it is not there. */
  async find<T>(path: string, options: CallOptions = {}): Promise<T | undefined> {
    try {
      return await this.get<T>(path, options);
    } catch (error) {
      if (isKubernetesStatus(error, 404)) return undefined;
      throw error;
    }
  }

  /** The objects of a list, a page at a time; the version is the list's. A list that expires on the way throws KubernetesError 410. */
  async *pages<T>(path: string, options: CallOptions = {}): AsyncGenerator<Page<T>> {
    let limit = PAGE_LIMIT;
    let next: string | undefined;
    do {
      let list: List<T>;
      try {
        list = await this.get<List<T>>(path, { ...options, query: { ...options.query, limit, continue: next } });
      } catch (error) {
        if (!(error instanceof AnswerTooLong) || limit === 1) throw error;
        limit = Math.max(1, Math.floor(limit / PAGE_SHRINK));
        continue;
      }
      next = list.metadata?.continue || undefined;
      yield { items: list.items ?? [], resourceVersion: list.metadata?.resourceVersion ?? "" };
      if (next === undefined) return;
    } while (true);
  }

  /** For a stream: where the API answers, and what it is asked with. */
  async connection(signal?: AbortSignal): Promise<Connection> {
    return { endpoint: this.#endpoints()[0]!, credentials: await this.#known(signal) };
  }

  close(): void {
    this.forget();
  }

  #endpoints(): Endpoint[] {
    const { endpoints, name } = this.#target;
    if (endpoints.length === 0) throw kubernetesGone("connect", new Error(`${name} has no address yet`));
    return endpoints.map((_, i) => endpoints[(this.#current + i) % endpoints.length]!);
  }

  async #known(signal: AbortSignal | undefined): Promise<Credentials> {
    const known = (this.#credentials ??= this.#source(this.#target, signal));
    try {
      return await known;
    } catch (error) {
      if (this.#credentials === known) this.#credentials = undefined;
      throw error;
    }
  }

  async #answer(method: string, path: string, options: CallOptions): Promise<Answer> {
    const what = `${method} ${path}`;
    const first = await this.#known(options.signal);
    const answer = await this.#trySend(method, path, options, first).catch((error: unknown) => {
      if (!isRefusal(error)) throw error;
      return undefined;
    });
    if (answer !== undefined && answer.statusCode !== 401) return checked(answer, what);
    // Another authority, or keys that have been renewed: what is in the control plane counts.
    this.forget();
    const again = await this.#known(options.signal);
    const second = await this.#trySend(method, path, options, again).catch((error: unknown) => {
      throw isRefusal(error) ? kubernetesGone(what, error) : error;
    });
    return checked(second, what);
  }

  /** One endpoint after another, until one takes the connection. */
  async #trySend(method: string, path: string, options: CallOptions, credentials: Credentials): Promise<Answer> {
    const { body, contentType = "application/json", timeoutMs = CALL_TIMEOUT_MS, signal } = options;
    const text = body === undefined ? undefined : JSON.stringify(body);
    const headers: Record<string, string> = { accept: "application/json" };
    if (text !== undefined) {
      headers["content-type"] = contentType;
      headers["content-length"] = String(Buffer.byteLength(text));
    }
    const sent = { method, path: withQuery(path, options.query), headers, body: text, timeoutMs, signal };
    const agent = (this.#agent ??= apiAgent(credentials));
    let failed: NotConnected | undefined;
    for (const endpoint of this.#endpoints()) {
      try {
        const answer = await send(agent, endpoint, sent);
        this.#current = Math.max(0, this.#target.endpoints.indexOf(endpoint));
        return answer;
      } catch (error) {
        if (!(error instanceof NotConnected)) throw error;
        if (isRefusal(error)) throw error;
        failed = error;
      }
    }
    throw kubernetesGone(`${method} ${path}`, failed!.cause);
  }
}

function checked(answer: Answer, what: string): Answer {
  if (answer.statusCode >= 200 && answer.statusCode < 300) return answer;
  throw kubernetesAnswerError(answer.statusCode, what, answer.body);
}

/** The certificates of the two sides do not fit together. */
function isRefusal(error: unknown): boolean {
  if (!(error instanceof NotConnected)) return false;
  const code = (error.cause as NodeJS.ErrnoException | undefined)?.code ?? "";
  return /^(ERR_TLS_|ERR_SSL_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|CERT_)/.test(code);
}

function withQuery(path: string, query: CallOptions["query"] = {}): string {
  const words = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) if (value !== undefined) words.set(key, String(value));
  return words.size === 0 ? path : `${path}?${words}`;
}
