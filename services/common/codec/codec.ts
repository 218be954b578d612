import {
  type DescMessage,
  type FileRegistry,
  type JsonValue,
  fromBinary,
  fromJson,
  toBinary,
  toJson,
} from "@bufbuild/protobuf";
import { internal } from "../errors/errors.ts";
import { checkMessage } from "./check/message.ts";
import { Walk, WalkStopped } from "./check/walk.ts";
import { CODEC_LIMITS, type CodecLimits, MESSAGE_DEPTH_MAX } from "./limits.ts";
import { Redactor } from "./redact.ts";
import { loadRegistry } from "./registry.ts";
import { type ExactJson, parseJsonText } from "./text.ts";

export interface ToJsonOptions {
  /** Leave out fields marked `debug_redact`, wherever they are. */
  redact?: boolean;
}

export interface FromJsonOptions {
  /** Path in front of the paths of bad fields, for example `body`. */
  path?: string;
  limits?: Partial<CodecLimits>;
}

/** ProtoJSON to protobuf and back, by the full name of a message. */
export interface Codec {
  /** All messages, enums and services, without comments. */
  readonly registry: FileRegistry;
  /** JSON of an encoded message. INTERNAL with reason UNKNOWN_TYPE or UNDECODABLE: a newer peer, or a fault of ours. */
  toJson(typeName: string, bytes: Uint8Array, options?: ToJsonOptions): JsonValue;
  toJsonText(typeName: string, bytes: Uint8Array, options?: ToJsonOptions): string;
  /** Encoded message of a JSON value. INVALID_ARGUMENT with every bad field. */
  fromJson(typeName: string, json: ExactJson, options?: FromJsonOptions): Uint8Array;
  /** As fromJson, of a text; integers are read exactly, keys given twice are refused. */
  fromJsonText(typeName: string, text: string, options?: FromJsonOptions): Uint8Array;
}

/** `type.googleapis.com/gantry.compute.v1.Instance` names `gantry.compute.v1.Instance`. */
export function typeNameOf(typeUrl: string): string {
  return typeUrl.slice(typeUrl.lastIndexOf("/") + 1);
}

class RegistryCodec implements Codec {
  readonly #load: () => FileRegistry;
  #registry: FileRegistry | undefined;
  #redactor: Redactor | undefined;

  constructor(load: () => FileRegistry) {
    this.#load = load;
  }

  get registry(): FileRegistry {
    this.#registry ??= this.#load();
    return this.#registry;
  }

  toJson(typeName: string, bytes: Uint8Array, options: ToJsonOptions = {}): JsonValue {
    const desc = this.#message(typeName);
    const { registry } = this;
    let json: JsonValue;
    try {
      json = toJson(desc, fromBinary(desc, bytes, { recursionLimit: MESSAGE_DEPTH_MAX }), { registry });
    } catch (error) {
      throw internal("UNDECODABLE", `a ${typeName} cannot be shown as JSON`, error);
    }
    if (options.redact === true) {
      this.#redactor ??= new Redactor(registry);
      this.#redactor.redact(desc, json);
    }
    return json;
  }

  toJsonText(typeName: string, bytes: Uint8Array, options?: ToJsonOptions): string {
    return JSON.stringify(this.toJson(typeName, bytes, options));
  }

  fromJson(typeName: string, json: ExactJson, options: FromJsonOptions = {}): Uint8Array {
    const desc = this.#message(typeName);
    const { registry } = this;
    const plain = check(new Walk(registry, { ...CODEC_LIMITS, ...options.limits }), desc, json, options.path ?? "");
    try {
      return toBinary(desc, fromJson(desc, plain, { registry, recursionLimit: MESSAGE_DEPTH_MAX }));
    } catch (error) {
      // Only what the check should have found can come here.
      throw internal("CODEC_FAULT", `JSON of a ${typeName} was checked but cannot be read`, error);
    }
  }

  fromJsonText(typeName: string, text: string, options: FromJsonOptions = {}): Uint8Array {
    const { path = "", limits = {} } = options;
    return this.fromJson(typeName, parseJsonText(text, { path, limits, exactIntegers: true }), options);
  }

  #message(typeName: string): DescMessage {
    const desc = this.registry.getMessage(typeName);
    if (desc === undefined) throw internal("UNKNOWN_TYPE", `${typeName} is not a known message`);
    return desc;
  }
}

/** `registry` is called at the first use. */
export function createCodec(registry: () => FileRegistry): Codec {
  return new RegistryCodec(registry);
}

/** The codec of Gantry's own contract. */
export const codec: Codec = createCodec(loadRegistry);

/** The checked copy; throws INVALID_ARGUMENT with every violation. */
function check(walk: Walk, desc: DescMessage, json: ExactJson, path: string): JsonValue {
  let plain: JsonValue | undefined;
  try {
    plain = checkMessage(walk, desc, json, path, 1);
  } catch (error) {
    if (!(error instanceof WalkStopped)) throw error;
  }
  walk.violations.throwIfAny();
  return plain!;
}
