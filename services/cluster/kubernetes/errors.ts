import { status as Code } from "@grpc/grpc-js";
import { GantryError } from "../../common/errors/errors.ts";

/** An answer of a cluster's API that says no, or no answer at all (`statusCode` 0). */
export class KubernetesError extends GantryError {
  readonly statusCode: number;
  /** As the API says it: `NotFound`, `AlreadyExists`, `Expired`... Empty without an answer. */
  readonly apiReason: string;

  constructor(code: Code, reason: string, message: string, answer: Answered = {}) {
    const { statusCode = 0, apiReason = "", cause } = answer;
    const metadata = statusCode === 0 ? {} : { kubernetesStatus: String(statusCode) };
    super(code, message, { reason, metadata, cause });
    this.name = "KubernetesError";
    this.statusCode = statusCode;
    this.apiReason = apiReason;
  }
}

interface Answered {
  statusCode?: number;
  apiReason?: string;
  cause?: unknown;
}

/** `what` names the call: `GET /api/v1/nodes`. */
export function kubernetesAnswerError(statusCode: number, what: string, body: string): KubernetesError {
  const { reason = "", message = "" } = statusOf(body);
  const [code, ours] = classify(statusCode === 500 && OF_ETCD.test(message) ? 503 : statusCode);
  const detail = message === "" ? `${what} was answered with ${statusCode}` : message;
  return new KubernetesError(code, ours, `Kubernetes API: ${clip(detail)}`, { statusCode, apiReason: reason });
}

/** The API did not answer: refused, the connection broke, or too late. Trying again may help. */
export function kubernetesGone(what: string, cause: unknown): KubernetesError {
  const detail = cause instanceof Error ? cause.message : String(cause);
  const message = `Kubernetes API does not answer (${what}: ${clip(detail)})`;
  return new KubernetesError(Code.UNAVAILABLE, "KUBERNETES_UNAVAILABLE", message, { cause });
}

export function isKubernetesStatus(error: unknown, statusCode: number): error is KubernetesError {
  return error instanceof KubernetesError && error.statusCode === statusCode;
}

const MESSAGE_LENGTH_MAX = 512;

function clip(text: string): string {
  return text.length > MESSAGE_LENGTH_MAX ? `${text.slice(0, MESSAGE_LENGTH_MAX)}…` : text;
}

/** etcd is between two leaders: the API says it as a fault of its own. */
const OF_ETCD = /^etcdserver: (leader changed|no leader|request timed out|not healthy|server stopped)/;

function classify(statusCode: number): [Code, string] {
  switch (statusCode) {
    case 400:
    case 422:
      return [Code.INVALID_ARGUMENT, "KUBERNETES_BAD_REQUEST"];
    case 401:
    case 403:
      return [Code.FAILED_PRECONDITION, "KUBERNETES_FORBIDDEN"];
    case 404:
      return [Code.NOT_FOUND, "KUBERNETES_NOT_FOUND"];
    case 409:
      return [Code.ABORTED, "KUBERNETES_CONFLICT"];
    case 410:
      return [Code.OUT_OF_RANGE, "KUBERNETES_EXPIRED"];
    case 408:
    case 429:
    case 502:
    case 503:
    case 504:
      return [Code.UNAVAILABLE, "KUBERNETES_UNAVAILABLE"];
    default:
      return [Code.INTERNAL, "KUBERNETES_ERROR"];
  }
}

/** Errors are a `Status` object; of /readyz and of proxies they are text. */
function statusOf(body: string): { reason?: string; message?: string } {
  if (!body.startsWith("{")) return { message: body.trim() };
  try {
    const status = JSON.parse(body) as { reason?: unknown; message?: unknown };
    return { reason: text(status.reason), message: text(status.message) };
  } catch (error) {
    return { message: `an answer that cannot be read: ${(error as Error).message}` };
  }
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
