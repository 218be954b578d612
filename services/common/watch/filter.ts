import { EventType } from "../../../proto/gen/gantry/common/v1/watch.ts";
import type { WatchRequest } from "../../../proto/gen/gantry/common/v1/watch.ts";
import { invalidArgument } from "../errors/errors.ts";
import { Violations } from "../names/violations.ts";
import { parseSelector } from "../names/selector.ts";
import type { LabelSelector } from "../names/selector.ts";
import type { EventHeader, EventView } from "../store/log/event.ts";
import { encodeDeselected, encodeEvent } from "../store/log/event.ts";
import type { AnyKind, Kind, Resource } from "../store/api.ts";

export const KINDS_MAX = 64;
export const NAME_PREFIX_BYTES_MAX = 255;
const USAGE_SUFFIX = "Usage";

/** Whether a watcher may see what belongs to a project; the empty id stands for the realm. */
export type Visible = (project: string) => boolean;

/** What one watcher gets. */
export class WatchFilter {
  readonly prefix: string;
  readonly #kinds: ReadonlySet<string>;
  readonly #selector: LabelSelector;
  readonly #visible: Visible | undefined;
  readonly #redacted: ReadonlyMap<string, AnyKind>;

  /** INVALID_ARGUMENT with every problem of the request. `redacted`: kinds, by name, whose secrets the watcher does not get. */
  constructor(request: WatchRequest, visible?: Visible, redacted: ReadonlyMap<string, AnyKind> = new Map()) {
    const violations = new Violations();
    violations.check(request.kinds.length <= KINDS_MAX, "kinds", `at most ${KINDS_MAX} kinds can be asked for`);
    const prefixBytes = Buffer.byteLength(request.namePrefix);
    violations.check(prefixBytes <= NAME_PREFIX_BYTES_MAX, "name_prefix", `has at most ${NAME_PREFIX_BYTES_MAX} bytes`);
    const selector = tryParse(request.labelSelector, violations);
    violations.throwIfAny();
    this.prefix = request.namePrefix;
    this.#kinds = new Set(request.kinds);
    this.#selector = selector;
    this.#visible = visible;
    this.#redacted = redacted;
  }

  /** Nothing is left out: log entries pass unread. */
  get everything(): boolean {
    const narrow = this.prefix !== "" || this.#kinds.size > 0 || this.#selector.requirements.length > 0;
    return !narrow && !this.#visible && this.#redacted.size === 0;
  }

  wantsKind(kind: string): boolean {
    return this.#kinds.size === 0 ? !kind.endsWith(USAGE_SUFFIX) : this.#kinds.has(kind);
  }

  /** Whether an object in this state is one of the watcher's. */
  selects(object: Pick<EventHeader, "kind" | "name" | "project" | "labels">): boolean {
    return this.#covers(object) && this.#selector(object.labels);
  }

  /** What of a log entry goes to the watcher: slices of the entry, or deletions of what is not selected any more. */
  apply(data: Buffer, views: EventView[], accept: (view: EventView) => boolean = always): Buffer[] {
    const out: Buffer[] = [];
    for (const view of views) {
      if (!this.#covers(view) || !accept(view)) continue;
      if (this.#selector(view.labels)) out.push(this.#shown(data, view));
      else if (view.type === EventType.EVENT_TYPE_PUT && view.labelsChanged && this.#selector(view.previousLabels)) {
        out.push(encodeDeselected(view));
      }
    }
    return out;
  }

  /** The object as the watcher may see it. */
  conceal(kind: string, object: Uint8Array): Uint8Array {
    const known = this.#redacted.get(kind) as unknown as Kind<Resource> | undefined;
    if (known?.redact === undefined || object.length === 0) return object;
    return known.message.encode(known.redact(known.message.decode(object))).finish();
  }

  #shown(data: Buffer, view: EventView): Buffer {
    const kind = this.#redacted.get(view.kind);
    if (kind === undefined || view.valueEnd === view.valueStart) return data.subarray(view.start, view.end);
    return encodeEvent(view, kind.typeName, this.conceal(view.kind, data.subarray(view.valueStart, view.valueEnd)));
  }

  #covers({ kind, name, project }: Pick<EventHeader, "kind" | "name" | "project">): boolean {
    return (
      this.wantsKind(kind) && name.startsWith(this.prefix) && (this.#visible === undefined || this.#visible(project))
    );
  }
}

function always(): boolean {
  return true;
}

function tryParse(text: string, violations: Violations): LabelSelector {
  try {
    return parseSelector(text);
  } catch (error) {
    const found = (error as ReturnType<typeof invalidArgument>).violations;
    if (found === undefined) throw error;
    violations.addAll(found);
    return parseSelector("");
  }
}
